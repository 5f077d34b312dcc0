/** Entity tags (RFC 9110 8.8.3): strong, over the octets of an answer. */
import { ChanceryError } from '../../base/errors.ts';
import { fromUtf8, sha256, toBase64Url } from '../../x509/bytes.ts';

export const etagOf = (body: string): string => `"${toBase64Url(sha256(fromUtf8(body)))}"`;

/** RFC 9110 13.1.2: whether an If-None-Match names this answer, compared weakly. */
export const isKnown = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined &&
  tagsOf(ifNoneMatch).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);

/** RFC 9110 13.1.1, compared strongly. Throws `precondition_failed`. */
export function requireMatch(ifMatch: string | undefined, resource: object): void {
  if (ifMatch === undefined) return;
  const etag = etagOf(JSON.stringify(resource));
  if (tagsOf(ifMatch).some((tag) => tag === '*' || tag === etag)) return;
  throw new ChanceryError('precondition_failed', {
    message: `the ETag of the object is ${etag}, not what If-Match says`,
    rule: 'RFC 9110 13.1.1: what was changed meanwhile is not changed again unseen',
    fix: 'Read the object again, then decide.',
  });
}

const tagsOf = (header: string): string[] => header.split(',').map((tag) => tag.trim());
