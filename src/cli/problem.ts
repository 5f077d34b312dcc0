/** What the server refuses or fails at (RFC 9457), as an error of the command line. */
import type { Problem } from '../api/common.ts';
import { type ErrorCode, ERRORS } from '../base/errors.ts';
import type { ExitCode } from './session.ts';

export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly status: number;
  readonly problem: Partial<Problem>;
  /** Seconds, from Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(status: number, problem: Partial<Problem>, retryAfter?: number) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** What can be said of an answer that should be a problem; members of another type are passed over. */
export function readProblem(value: object): Partial<Problem> {
  const members = value as Readonly<Record<string, unknown>>;
  const texts = (['type', 'title', 'code', 'detail', 'rule', 'fix', 'requestId'] as const).flatMap((name) =>
    typeof members[name] === 'string' ? [[name, members[name]] as const] : [],
  );
  const errors = (Array.isArray(members['errors']) ? members['errors'] : []).flatMap((error: unknown) => {
    const { field, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
    return typeof field === 'string' && typeof message === 'string' ? [{ field, message }] : [];
  });
  return { ...Object.fromEntries(texts), errors };
}

/** The exit code that belongs to the problem's code; a server newer than this client may have codes that we do not know. */
export function exitCodeOf({ status, problem }: RemoteError): ExitCode {
  const { code } = problem;
  if (code !== undefined && Object.hasOwn(ERRORS, code)) return ERRORS[code as ErrorCode].exit;
  if (status === 401 || status === 403) return 3;
  if (status === 404) return 4;
  return status === 400 || status === 413 || status === 415 ? 1 : 2;
}
