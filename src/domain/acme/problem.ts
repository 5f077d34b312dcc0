/**
 * What an ACME client is told when something is refused (RFC 8555 6.7, RFC 9457): every type there is stands in one table
 * with its HTTP status, and every failure of the pipeline has its type in another.
 */
import { type ErrorCode, ERRORS, isChanceryError } from '../../base/errors.ts';
import type { ValidationIdentifier } from './validation-port.ts';

/** Types and the status that they are answered with, without their namespace. */
export const PROBLEMS = {
  // RFC 8555 6.7
  accountDoesNotExist: 400,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  compound: 403,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 403,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
  // RFC 9773 7.4
  alreadyReplaced: 409,
  // draft-ietf-acme-profiles
  invalidProfile: 400,
} as const satisfies Record<string, number>;

export type ProblemType = keyof typeof PROBLEMS;

export const PROBLEM_NAMESPACE = 'urn:ietf:params:acme:error:';

export interface Subproblem {
  readonly type: ProblemType;
  readonly detail: string;
  readonly identifier?: ValidationIdentifier;
}

export interface ProblemDetail {
  readonly detail: string;
  /** Instead of that of the type: 404 and 405 have no type of their own. */
  readonly status?: number;
  readonly subproblems?: readonly Subproblem[];
  /** RFC 8555 6.2: what `badSignatureAlgorithm` has to say. */
  readonly algorithms?: readonly string[];
  /** Seconds. */
  readonly retryAfter?: number;
  /** URL for Location: the account that has the key already (RFC 8555 7.3.5). */
  readonly location?: string;
  /** Methods, where another was used. */
  readonly allowed?: string;
  /** URL that the user has to visit, or of what limits apply, with its relation. */
  readonly link?: { readonly url: string; readonly relation: string };
  /** Machine-readable extras: the explanation of a decision. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A refusal in the words of ACME. */
export class AcmeProblem extends Error {
  override readonly name = 'AcmeProblem';
  readonly type: ProblemType;
  readonly detail: ProblemDetail;

  constructor(type: ProblemType, detail: ProblemDetail | string, options?: { cause?: unknown }) {
    const full = typeof detail === 'string' ? { detail } : detail;
    super(full.detail, options);
    this.type = type;
    this.detail = full;
  }

  get status(): number {
    return this.detail.status ?? PROBLEMS[this.type];
  }
}

export const isAcmeProblem = (error: unknown): error is AcmeProblem => error instanceof AcmeProblem;

/** Failures of the pipeline that are the request's fault; all others are `serverInternal` with their own status. */
const TYPE_OF: { readonly [Code in ErrorCode]?: ProblemType } = {
  malformed_csr: 'badCSR',
  malformed_der: 'badCSR',
  malformed_certificate: 'malformed',
  proof_of_possession_failed: 'badCSR',
  csr_asks_for_more: 'badCSR',
  names_differ: 'badCSR',
  weak_key: 'badCSR',
  blocked_key: 'badCSR',
  invalid_name: 'malformed',
  invalid_request: 'malformed',
  invalid_duration: 'malformed',
  body_too_large: 'malformed',
  unsupported_media_type: 'malformed',
  method_not_allowed: 'malformed',
  not_found: 'malformed',
  not_granted: 'rejectedIdentifier',
  profile_violation: 'rejectedIdentifier',
  lint_failed: 'rejectedIdentifier',
  token_spent: 'unauthorized',
  revocation_refused: 'badRevocationReason',
  too_many_requests: 'rateLimited',
  not_ready: 'orderNotReady',
};

/** Codes whose HTTP status says more than that of the type. */
const OWN_STATUS: ReadonlySet<ErrorCode> = new Set([
  'body_too_large',
  'unsupported_media_type',
  'method_not_allowed',
  'not_found',
]);

const WAIT = 5;

/** Any failure as a problem. What is neither ours nor the pipeline's says nothing about the inside. */
export function asProblem(error: unknown): AcmeProblem {
  if (isAcmeProblem(error)) return error;
  if (!isChanceryError(error))
    return new AcmeProblem('serverInternal', 'the request failed inside', { cause: error });
  const { code, detail } = error;
  const type = TYPE_OF[code] ?? 'serverInternal';
  const { status } = ERRORS[code];
  const own = OWN_STATUS.has(code) || (type === 'serverInternal' && status >= 500);
  return new AcmeProblem(
    type,
    {
      detail: [detail.message, detail.rule].filter(Boolean).join(' — '),
      ...(own && { status }),
      ...(detail.retryAfter !== undefined || (own && status === 503)
        ? { retryAfter: detail.retryAfter ?? WAIT }
        : {}),
      ...(detail.data !== undefined && { data: detail.data }),
    },
    { cause: error },
  );
}

/** The problem document. */
export function problemDocument(problem: Pick<AcmeProblem, 'type' | 'detail' | 'status'>): object {
  const { detail, subproblems, algorithms, data } = problem.detail;
  return {
    type: PROBLEM_NAMESPACE + problem.type,
    detail,
    status: problem.status,
    ...(algorithms !== undefined && { algorithms }),
    ...(subproblems !== undefined && {
      subproblems: subproblems.map(({ type, ...rest }) => ({ type: PROBLEM_NAMESPACE + type, ...rest })),
    }),
    ...data,
  };
}

export const notFound = (what: string): AcmeProblem =>
  new AcmeProblem('malformed', { detail: `there is no such ${what}`, status: 404 });
