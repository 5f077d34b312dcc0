/**
 * One string for an enrolment: where the server is, the secret, and the root to expect there.
 * `chy_` + base64url of the payload + six characters of checksum, so that scanners can tell a leaked one from a lookalike.
 */
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, fromBase64Url, fromUtf8, sha256, toBase64Url, toUtf8 } from '../../x509/bytes.ts';

export interface TokenString {
  readonly url: string;
  /** 32 octets. */
  readonly secret: Bytes;
  /** SHA-256 of the root certificate above the server's own, hexadecimal. */
  readonly root: string;
}

export const SECRET_OCTETS = 32;
const PREFIX = 'chy_';
const CHECKSUM = 6;

const checksum = (payload: string): string =>
  toBase64Url(sha256(fromUtf8(PREFIX + payload))).slice(0, CHECKSUM);

export function formatTokenString({ url, secret, root }: TokenString): string {
  const payload = toBase64Url(fromUtf8(JSON.stringify([1, url, toBase64Url(secret), root])));
  return `${PREFIX}${payload}${checksum(payload)}`;
}

/** Throws `malformed_token`; the message never quotes the text. */
export function parseTokenString(text: string): TokenString {
  const trimmed = text.trim();
  const payload = trimmed.slice(PREFIX.length, -CHECKSUM);
  if (!/^chy_[A-Za-z0-9_-]{40,2000}$/.test(trimmed)) throw malformed('it is not chy_ and base64url');
  if (checksum(payload) !== trimmed.slice(-CHECKSUM))
    throw malformed('its checksum is wrong: it was cut off or mistyped');
  const fields = parse(payload);
  const [version, url, secretText, root] = Array.isArray(fields) ? (fields as unknown[]) : [];
  if (version !== 1) throw malformed('it is of another release');
  if (typeof url !== 'string' || typeof secretText !== 'string' || typeof root !== 'string')
    throw malformed('a field is missing');
  const secret = fromBase64Url(secretText);
  if (secret.length !== SECRET_OCTETS || !/^https:\/\//.test(url) || !/^[0-9a-f]{64}$/.test(root))
    throw malformed('a field is not what it should be');
  return { url, secret, root };
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(toUtf8(fromBase64Url(payload)));
  } catch {
    throw malformed('its payload cannot be read');
  }
}

const malformed = (fault: string): ChanceryError =>
  new ChanceryError('malformed_token', {
    message: `the token cannot be read: ${fault}`,
    rule: 'a token is the one line that `chancery token create` wrote',
    fix: 'Hand over the file unchanged, or make a new token.',
  });
