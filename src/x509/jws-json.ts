/** JSON Web Signatures in the flattened JSON form (RFC 7515 7.2.2), as ACME restricts it (RFC 8555 6.2). */
import { type Bytes, fromUtf8, toUtf8 } from './bytes.ts';
import { strictBase64Url, type Unreadable } from './jws.ts';
import { isObject, parseStrictJson } from './strict-json.ts';

export interface FlattenedJws {
  /** The protected header. There is no other. */
  readonly header: Readonly<Record<string, unknown>>;
  /** UTF-8 text. */
  readonly payload: string;
  readonly signingInput: Bytes;
  readonly signature: Bytes;
}

/** Reads a body. Nothing is verified. */
export function readFlattenedJwsText(text: string): FlattenedJws | Unreadable {
  const body = parseStrictJson(text);
  return body === undefined
    ? { fault: 'it is not JSON in which every name of an object stands once' }
    : readFlattenedJws(body);
}

/** The same for JSON that was parsed already: a JWS inside of another one. */
export function readFlattenedJws(body: unknown): FlattenedJws | Unreadable {
  if (!isObject(body)) return { fault: 'it is not a JSON object' };
  if ('header' in body) return { fault: 'it has an unprotected header' };
  if ('signatures' in body) return { fault: 'it has several signatures' };
  const {
    protected: head,
    payload,
    signature,
  } = body as {
    readonly protected?: unknown;
    readonly payload?: unknown;
    readonly signature?: unknown;
  };
  if (typeof head !== 'string' || typeof payload !== 'string' || typeof signature !== 'string')
    return { fault: 'protected, payload and signature are not all texts' };
  const headOctets = strictBase64Url(head);
  const payloadOctets = strictBase64Url(payload);
  const signatureOctets = strictBase64Url(signature);
  if (headOctets === undefined || payloadOctets === undefined || signatureOctets === undefined)
    return { fault: 'a part is not base64url without padding' };
  if (signatureOctets.length === 0) return { fault: 'it has no signature' };
  const header = parseStrictJson(toUtf8(headOctets));
  if (!isObject(header))
    return { fault: 'its protected header is not a JSON object in which every name stands once' };
  return {
    header,
    payload: toUtf8(payloadOctets),
    signingInput: fromUtf8(`${head}.${payload}`),
    signature: signatureOctets,
  };
}
