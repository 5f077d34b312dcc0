/** Signed heads: somebody with the audit key vouches that the chain was so long and ended so. Kept elsewhere, they show a cut tail. */
import { formatInstant, type Instant } from '../../base/clock.ts';
import { fromUtf8, type Bytes } from '../../x509/bytes.ts';
import { canonicalJson } from './canonical.ts';

export interface AuditHead {
  /** Sequence number of the entry that is vouched for. */
  readonly sequence: number;
  readonly hash: string;
  readonly time: Instant;
  /** SHA-256 of the public key, hexadecimal. */
  readonly keyId: string;
  /** base64 */
  readonly signature: string;
}

/** The octets under a head's signature. */
export const headMessage = (head: Pick<AuditHead, 'sequence' | 'hash' | 'time' | 'keyId'>): Bytes =>
  fromUtf8(
    `chancery audit head v1\n${canonicalJson({ sequence: head.sequence, hash: head.hash, time: formatInstant(head.time), keyId: head.keyId })}`,
  );

/** A head is due when entries came after the last one and the interval has passed. */
export const headIsDue = (
  lastHead: AuditHead | undefined,
  lastSequence: number,
  now: Instant,
  interval: number,
): boolean =>
  lastSequence > (lastHead?.sequence ?? 0) &&
  (lastHead === undefined || now - lastHead.time >= interval || now < lastHead.time);
