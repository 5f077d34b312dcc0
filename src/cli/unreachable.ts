/** Why no answer came: never reported as the server's error. */
import { ChanceryError } from '../base/errors.ts';
import type { Context } from './context.ts';

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve now',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the connection timed out',
  ECONNRESET: 'the connection was closed before an answer came',
  EPIPE: 'the connection was closed before an answer came',
  HPE_INVALID_CONSTANT: 'what answers there does not speak HTTP',
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: is the clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another name",
};

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

export function unreachable(context: Context, cause: unknown): ChanceryError {
  const code = codeOf(cause);
  const [why, fix] = explain(context, code, cause);
  return new ChanceryError(
    'unreachable',
    { message: `cannot reach ${context.server.origin}: ${why}`, fix },
    { cause },
  );
}

export const noAnswer = (context: Context, seconds: number): ChanceryError =>
  new ChanceryError('unreachable', {
    message: `cannot reach ${context.server.origin}: no answer within ${seconds} s`,
    fix: 'Try again; a request that issues is not done twice when it carries the same Idempotency-Key.',
  });

function explain(context: Context, code: string, cause: unknown): readonly [why: string, fix: string] {
  if (UNTRUSTED.has(code))
    return [
      `its certificate does not chain to the roots in ${context.roots ?? 'the system store'} (${code})`,
      context.roots === undefined
        ? 'Name the roots in a context of your configuration, or use --data.'
        : 'See which server listens there, and compare the file with its <data>/roots.pem.',
    ];
  const handshake = handshakeFailure(code, cause);
  if (handshake?.includes('alert') === true)
    return [
      handshake,
      `Look at the certificate that you log in with: ${context.login?.certificate ?? 'none is set'}.`,
    ];
  const why = handshake ?? FAILURES[code];
  return [
    why ?? (cause instanceof Error ? `${cause.message}${code && ` (${code})`}` : String(cause)),
    code === 'ECONNREFUSED' && context.data !== undefined
      ? `Start it: \`chancery server --data ${context.data}\`.`
      : `Check the URL; it comes from ${context.origin}.`,
  ];
}

/** OpenSSL's own words: `error:0A00010B:SSL routines::wrong version number`. */
function handshakeFailure(code: string, cause: unknown): string | undefined {
  if (code !== 'EPROTO' && !code.startsWith('ERR_SSL')) return undefined;
  const reason = /SSL routines:[^:]*:([^:\n]+)/.exec(String(cause))?.[1] ?? code;
  return /wrong version number|packet length too long|unexpected message/.test(reason)
    ? 'what answers there does not speak TLS'
    : `the TLS handshake failed (${reason.trim()})`;
}

/** Where several addresses were tried, Node gives the code of the first failure. */
const codeOf = (cause: unknown): string => {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
};
