/** Failures as a person reads them: cause with value, rule, fix. Calm lines on stderr, one thing each. */
import { ERRORS, isChanceryError } from '../base/errors.ts';
import { RemoteError, exitCodeOf } from './problem.ts';
import type { ExitCode } from './session.ts';
import { harmless, hasColour, paint, say, type Terminal } from './terminal.ts';

interface Failure {
  readonly exit: ExitCode;
  readonly lines: readonly (readonly [label: string, text: string | undefined])[];
}

/** Says what went wrong and returns the exit code. */
export function report(terminal: Terminal, error: unknown): ExitCode {
  const { exit, lines } = toFailure(error);
  const colour = hasColour(terminal, 'stderr');
  for (const [label, text] of lines)
    if (text !== undefined && text !== '')
      say(
        terminal,
        `${paint(colour, label === 'error' ? 'red' : 'dim', `${label}:`)} ${calm(harmless(text))}`,
      );
  if (terminal.environment['CHANCERY_DEBUG'] === '1' && error instanceof Error)
    say(terminal, String(error.stack));
  return exit;
}

function toFailure(error: unknown): Failure {
  if (error instanceof RemoteError) return remoteFailure(error);
  if (isChanceryError(error)) {
    const { message, rule, fix, errors = [] } = error.detail;
    return {
      exit: ERRORS[error.code].exit,
      lines: [
        // what follows the first line of several faults is in the fields
        ['error', errors.length > 1 ? message.split('\n', 1)[0] : message],
        ...fields(errors, message),
        ['rule', rule],
        ['fix', fix],
        ['docs', error.code === 'usage' ? undefined : docsOf(error.code)],
      ],
    };
  }
  return {
    exit: ERRORS.internal.exit,
    lines: [
      ['error', `something went wrong inside: ${error instanceof Error ? error.message : String(error)}`],
      ['fix', 'run it again with CHANCERY_DEBUG=1 and report what it says'],
    ],
  };
}

function remoteFailure(error: RemoteError): Failure {
  const { rule, fix, errors = [], code, requestId } = error.problem;
  const wait = error.retryAfter === undefined ? undefined : `try again in ${error.retryAfter} s`;
  return {
    exit: exitCodeOf(error),
    lines: [
      ['error', error.message],
      ...fields(errors, error.message),
      ['rule', rule],
      ['fix', fix ?? wait],
      ['docs', code && docsOf(code)],
      ['request', requestId],
    ],
  };
}

/** Where a code is explained. */
const docsOf = (code: string): string => `docs/reference/errors.md#${code}`;

/** Field by field, where the message does not name the only one already. */
const fields = (
  errors: readonly { readonly field: string; readonly message: string }[],
  message: string,
): (readonly [string, string])[] =>
  errors.length === 1 &&
  errors.some((only) => message.includes(only.message) || message.startsWith(`${only.field}: `))
    ? []
    : errors.map((error) => ['field', `${error.field}: ${error.message}`] as const);

/** Messages begin in lower case here and a single sentence has no full stop. */
function calm(text: string): string {
  const begin = /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
  return /[.!?] /.test(begin) || begin.endsWith('..') ? begin : begin.replace(/\.$/, '');
}
