/** AWS Signature Version 4 in the Authorization header, as S3 wants it: the path is encoded once, the body is hashed. */
import { createHash, createHmac } from 'node:crypto';
import { formatInstant, type Instant } from '../base/clock.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken: string | undefined;
}

export interface Unsigned {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly url: URL;
  /** Names in lower case; all of them are signed, and `host`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Signing {
  readonly credentials: S3Credentials;
  readonly region: string;
  readonly now: Instant;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The headers to send: those given, and date, hash of the body, token and signature. */
export function signRequest(
  { method, url, headers, body }: Unsigned,
  { credentials, region, now }: Signing,
): Record<string, string> {
  const time = formatInstant(now).replaceAll(/[-:]/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const sent: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': time,
    ...(credentials.sessionToken !== undefined && { 'x-amz-security-token': credentials.sessionToken }),
  };
  const names = Object.keys(sent).sort();
  const signed = names.join(';');
  const canonical = [
    method,
    url.pathname,
    renderQuery(url.searchParams),
    ...names.map((name) => `${name}:${(sent[name] ?? '').trim()}`),
    '',
    signed,
    sent['x-amz-content-sha256'],
  ].join('\n');
  const text = [ALGORITHM, time, scope, sha256(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  sent['authorization'] =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${signed},Signature=${signature}`;
  return sent;
}

/** RFC 3986 with nothing but the unreserved characters left as they are. */
export const encodeUriPart = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** As it is signed, so as it is sent: `URLSearchParams` would write other octets. */
export const renderQuery = (parameters: Iterable<readonly [name: string, value: string]>): string =>
  [...parameters]
    .map(([name, value]) => `${encodeUriPart(name)}=${encodeUriPart(value)}`)
    .sort()
    .join('&');

const sha256 = (octets: Uint8Array | string): string => createHash('sha256').update(octets).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
