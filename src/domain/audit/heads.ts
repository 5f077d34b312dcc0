/** From "a head is due" to a signed one, and back to "this head is good". The only octets that the audit key signs. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatInstant, type Instant } from '../../base/clock.ts';
import { type Bytes, fromBase64, toBase64, toHex } from '../../x509/bytes.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor, verifySignature } from '../../x509/signature.ts';
import type { ChainEnd } from './chain.ts';
import { type AuditHead, headIsDue, headMessage } from './head.ts';

/** An end of the chain that may be signed: once. `HeadSigner` takes nothing else. */
export class PreparedHead {
  readonly sequence: number;
  readonly hash: string;
  readonly time: Instant;
  #redeemed = false;

  private constructor({ sequence, hash }: ChainEnd, time: Instant) {
    this.sequence = sequence;
    this.hash = hash;
    this.time = time;
  }

  /** Throws `audit_unavailable` when a head already vouches for more than this, or for another past. */
  static of(end: ChainEnd, lastHead: AuditHead | undefined, now: Instant): PreparedHead {
    const fault = endFault(end, lastHead);
    if (fault === undefined) return new PreparedHead(end, now);
    throw new ChanceryError('audit_unavailable', {
      message: `no head is signed: ${fault}`,
      rule: 'a signed head stays true: the log only grows',
      fix: 'Restore the newest copy of the database, and compare it with the heads that are kept elsewhere.',
    });
  }

  /** The octets to be signed by the key with this id. A second call throws: nothing is signed twice. */
  redeem(keyId: string): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared audit head was redeemed twice');
    this.#redeemed = true;
    return headMessage({ sequence: this.sequence, hash: this.hash, time: this.time, keyId });
  }

  /** The head, with the signature over what `redeem` gave. */
  signed(keyId: string, signature: Bytes): AuditHead {
    return {
      sequence: this.sequence,
      hash: this.hash,
      time: this.time,
      keyId,
      signature: toBase64(signature),
    };
  }
}

function endFault({ sequence, hash }: ChainEnd, lastHead: AuditHead | undefined): string | undefined {
  if (!Number.isSafeInteger(sequence) || sequence < 1 || !/^[0-9a-f]{64}$/.test(hash))
    return `${JSON.stringify(sequence)} with the hash ${JSON.stringify(hash)} is no end of a chain`;
  if (lastHead === undefined || lastHead.sequence < sequence) return undefined;
  const signed = `the head of ${formatInstant(lastHead.time)} vouches for entry ${lastHead.sequence}`;
  if (lastHead.sequence > sequence) return `the log ends at entry ${sequence}, but ${signed}`;
  return lastHead.hash === hash ? undefined : `${signed} with another hash`;
}

/** The head that is due now; `undefined` when nothing came after the last one, or the interval has not passed. */
export function nextHead(
  end: ChainEnd | undefined,
  lastHead: AuditHead | undefined,
  now: Instant,
  interval: Duration,
): PreparedHead | undefined {
  if (end === undefined) return undefined;
  const shrunk = lastHead !== undefined && lastHead.sequence > end.sequence;
  if (!shrunk && !headIsDue(lastHead, end.sequence, now, interval)) return undefined;
  return PreparedHead.of(end, lastHead, now);
}

/** Whether this key signed this head. Says nothing about the chain. */
export function verifyHead(head: AuditHead, key: PublicKey): boolean {
  if (head.keyId !== toHex(key.fingerprint)) return false;
  const signature = fromBase64(head.signature);
  if (signature === undefined) return false;
  return verifySignature(signatureAlgorithmFor(key.type).identifier, headMessage(head), signature, key);
}
