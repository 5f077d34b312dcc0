/** The one place where failures become RFC 9457 problems. What is not a ChanceryError says nothing about the inside. */
import { ChanceryError, type ErrorCode, ERRORS, isChanceryError } from '../base/errors.ts';

export interface ProblemReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly code: ErrorCode;
}

/** Not a promise of a web page: the codes are explained in docs/reference/errors.md. */
const TYPE = 'urn:chancery:error:';

export function problemReply(error: unknown, requestId: string): ProblemReply {
  const known = asChanceryError(error);
  const { status, title } = ERRORS[known.code];
  const { message, rule, fix, errors, data, retryAfter } = known.detail;
  const body = JSON.stringify({
    type: `${TYPE}${known.code}`,
    title,
    status,
    code: known.code,
    detail: message,
    rule,
    fix,
    errors,
    ...data,
    requestId,
  });
  return {
    status,
    code: known.code,
    body,
    headers: {
      'content-type': 'application/problem+json',
      // RFC 9110 15.5.2; a client certificate has no scheme of its own
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="chancery"' } : {}),
      ...(retryAfter === undefined && status !== 503 ? {} : { 'retry-after': String(retryAfter ?? 5) }),
    },
  };
}

/** Express reports broken percent-encoding and the like as errors with a 4xx status. */
function asChanceryError(error: unknown): ChanceryError {
  if (isChanceryError(error)) return error;
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new ChanceryError('invalid_request', {
      message: 'the request line cannot be read',
      rule: 'RFC 3986: percent-encoding of UTF-8',
      fix: 'Encode the URL again.',
    });
  return new ChanceryError('internal', {
    message: 'the request failed inside; the log has the reason under this request id',
    fix: 'Tell an operator the request id.',
  });
}
