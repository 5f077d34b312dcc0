/**
 * CertificateList (RFC 5280 5), written. Entries are kept as encoded octets: a list grows by one entry for each
 * revocation and is never encoded again as a whole.
 */
import type { Instant } from '../base/clock.ts';
import { type Bytes, concat } from './bytes.ts';
import { contextConstructed, header, sequence, smallInteger, TAG, tlv, unsignedInteger } from './der.ts';
import { bitString } from './der-bits.ts';
import { CRL_REASONS, type CrlReason } from './crl.ts';
import { authorityKeyIdentifier, encodeExtension, type Extension } from './extensions.ts';
import { OID } from './oids.ts';
import { encodeTime } from './time.ts';

export interface CrlEntry {
  /** Content octets of the serial number, or its octets without the sign octet. */
  readonly serial: Bytes;
  readonly revokedAt: Instant;
  readonly reason: CrlReason;
}

const reasonExtensions = new Map<CrlReason, Bytes>(
  CRL_REASONS.flatMap((reason, number) => {
    // the RFC wants `unspecified` left out (5.3.1)
    if (reason === undefined || number === 0) return [];
    const extension = {
      id: OID.reasonCode,
      critical: false,
      value: tlv(TAG.enumerated, Buffer.from([number])),
    };
    return [[reason, sequence(encodeExtension(extension))]];
  }),
);

/** One entry; without crlEntryExtensions where there would be none in it (5.3: never an empty one). */
export function encodeCrlEntry({ serial, revokedAt, reason }: CrlEntry): Bytes {
  const extensions = reasonExtensions.get(reason);
  return extensions === undefined
    ? sequence(unsignedInteger(serial), encodeTime(revokedAt))
    : sequence(unsignedInteger(serial), encodeTime(revokedAt), extensions);
}

/** Encoded entries, one behind the other, in memory that grows by doubling. */
export class CrlEntries {
  #octets: Buffer;
  #length: number;

  /** `entries` is what an earlier list held. */
  constructor(entries: Bytes = new Uint8Array(0)) {
    this.#octets = Buffer.from(entries);
    this.#length = entries.length;
  }

  append(entry: Bytes): void {
    const needed = this.#length + entry.length;
    if (needed > this.#octets.length) {
      const grown = Buffer.allocUnsafe(Math.max(1024, needed, this.#octets.length * 2));
      this.#octets.copy(grown, 0, 0, this.#length);
      this.#octets = grown;
    }
    this.#octets.set(entry, this.#length);
    this.#length = needed;
  }

  /** A view: it does not change with later entries. */
  get octets(): Bytes {
    return this.#octets.subarray(0, this.#length);
  }
}

export interface CrlTemplate {
  readonly signatureAlgorithm: Bytes;
  /** DER of the issuer's Name. */
  readonly issuer: Bytes;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly number: bigint;
  /** Of the key that signs. */
  readonly keyIdentifier: Bytes;
  /** Content of revokedCertificates. */
  readonly entries: Bytes;
  /** More than authorityKeyIdentifier and cRLNumber, e.g. the scope of a shard (5.2.5). */
  readonly extensions?: readonly Extension[];
}

export const crlNumber = (number: bigint): Extension => ({
  id: OID.cRLNumber,
  critical: false,
  value: unsignedInteger(Buffer.from(number.toString(16).padStart(40, '0'), 'hex')),
});

/** What stands before and behind the entries in the octets to be signed. */
export interface TbsFrame {
  readonly head: Bytes;
  readonly tail: Bytes;
}

/**
 * Version 2, and no revokedCertificates where nothing is revoked (5.1.2.6). `length` is that of the entries: a list of
 * a million is laid out once and never copied.
 */
export function frameTbsCertList(template: Omit<CrlTemplate, 'entries'>, length: number): TbsFrame {
  const tail = tlv(
    contextConstructed(0),
    sequence(
      encodeExtension(authorityKeyIdentifier(template.keyIdentifier)),
      encodeExtension(crlNumber(template.number)),
      ...(template.extensions ?? []).map(encodeExtension),
    ),
  );
  const facts = concat([
    smallInteger(1),
    template.signatureAlgorithm,
    template.issuer,
    encodeTime(template.thisUpdate),
    encodeTime(template.nextUpdate),
    ...(length === 0 ? [] : [header(TAG.sequence, length)]),
  ]);
  return { head: concat([header(TAG.sequence, facts.length + length + tail.length), facts]), tail };
}

/** The octets to be signed. */
export function encodeTbsCertList(template: CrlTemplate): Bytes {
  const { head, tail } = frameTbsCertList(template, template.entries.length);
  return concat([head, template.entries, tail]);
}

/** What stands before and behind the signed octets in the CRL. */
export function frameCertificateList(length: number, signatureAlgorithm: Bytes, signature: Bytes): TbsFrame {
  const tail = concat([signatureAlgorithm, bitString(signature)]);
  return { head: header(TAG.sequence, length + tail.length), tail };
}

export const assembleCertificateList = (tbs: Bytes, signatureAlgorithm: Bytes, signature: Bytes): Bytes =>
  sequence(tbs, signatureAlgorithm, bitString(signature));
