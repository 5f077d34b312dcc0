/** What a public CA, or the way to it, answers instead of a certificate. */
import type { Instant } from '../base/clock.ts';

/**
 * `unreachable`: try again. `limited`: not before `retryAt`. `refused`: the CA said no; the same again gets the same.
 * `invalid`: a validation failed, the order is over. `protocol`: it does not speak RFC 8555 as it should.
 */
export type AuthorityFault = 'unreachable' | 'limited' | 'refused' | 'invalid' | 'protocol';

export interface AuthorityProblem {
  /** For people; from the CA only printable characters, cut. */
  readonly detail: string;
  /** The last part of an ACME error type: `rejectedIdentifier`. */
  readonly type?: string | undefined;
  readonly status?: number | undefined;
  readonly retryAt?: Instant | undefined;
  /** To sign the next try with (RFC 8555 6.5). */
  readonly freshNonce?: string | undefined;
  readonly cause?: unknown;
}

export class AuthorityError extends Error {
  override readonly name = 'AuthorityError';
  readonly fault: AuthorityFault;
  readonly problem: AuthorityProblem;

  constructor(fault: AuthorityFault, problem: AuthorityProblem) {
    super(problem.detail, problem.cause === undefined ? {} : { cause: problem.cause });
    this.fault = fault;
    this.problem = problem;
  }
}

/** acme.sh 4659: what a CA sends is text for people, and nothing else. */
export const printable = (text: unknown): string =>
  typeof text === 'string' ? text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300) : '';
