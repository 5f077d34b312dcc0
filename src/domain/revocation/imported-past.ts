/**
 * What an imported issuer did elsewhere: its last CRL, the index of `openssl ca`, certificates that it signed. All of it is
 * verified or typed by an operator; together it says which serial numbers live, and which are revoked for ever.
 */
import { formatInstant, type Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import {
  type CertificateList,
  type CrlReason,
  readCertificateList,
  revocationReason,
  revokedCertificates,
} from '../../x509/crl.ts';
import { OID } from '../../x509/oids.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';
import { crlNumberOf } from './crl.ts';
import { type IndexEntry, readIndex } from './openssl-index.ts';
import type { CrlFloor } from './journal-book.ts';
import type { KnownSerial, Revocation } from './ports.ts';

export interface PastMaterial {
  /** DER; the last one, complete. */
  readonly crl: Bytes | undefined;
  /** index.txt of `openssl ca`. */
  readonly index: string | undefined;
  /** DER; certificates that it signed. */
  readonly certificates: readonly Bytes[];
  /** It never published a CRL. */
  readonly noPreviousCrl: boolean;
}

export interface ImportedIssuer {
  readonly id: string;
  readonly shards: number;
  readonly certificate: Pick<Certificate, 'subject' | 'notAfter'>;
  readonly publicKey: PublicKey;
}

export interface ImportedPast {
  readonly known: readonly KnownSerial[];
  readonly revocations: readonly Revocation[];
  /** Of its last CRL, where that has a number. */
  readonly floor: CrlFloor | undefined;
}

const rejected = (message: string, rule: string, fix: string): ChanceryError =>
  new ChanceryError('chain_rejected', { message, rule, fix });

/**
 * Throws `chain_rejected` for a CRL or certificate that the issuer did not sign, a partial CRL, or one with certificates
 * on hold; `invalid_request` for an index that cannot be read.
 */
export function readPast(issuer: ImportedIssuer, material: PastMaterial, now: Instant): ImportedPast {
  const { id, shards, certificate } = issuer;
  const place = (serial: string) => ({
    generation: id,
    serial,
    shard: Number.parseInt(serial.slice(-2), 16) % shards,
  });
  const ends = new Map<string, Instant>();
  const revoked = new Map<string, { readonly revokedAt: Instant; readonly reason: CrlReason }>();
  for (const der of material.certificates) {
    const { serial, notAfter } = readIssued(issuer, der);
    ends.set(toHex(serial), notAfter);
  }
  for (const entry of material.index === undefined ? [] : readIndex(material.index)) {
    refuseHold(entry.serial, entry.revoked?.reason);
    ends.set(entry.serial, entry.notAfter);
    if (entry.revoked !== undefined) revoked.set(entry.serial, withReason(entry));
  }
  const list = material.crl === undefined ? undefined : readLastCrl(issuer, material.crl, now);
  for (const entry of list === undefined ? [] : revokedCertificates(list)) {
    const serial = toHex(entry.serial);
    const reason = revocationReason(entry);
    refuseHold(serial, reason);
    revoked.set(serial, { revokedAt: entry.revokedAt, reason });
  }
  return {
    known: [...ends]
      .filter(([, notAfter]) => notAfter > now)
      .map(([serial, notAfter]) => ({ ...place(serial), notAfter })),
    // of whose end nothing is known, it is in the CRL for as long as the issuer lives
    revocations: [...revoked].map(([serial, facts]) => ({
      ...place(serial),
      ...facts,
      notAfter: ends.get(serial) ?? certificate.notAfter,
    })),
    floor: list && floorOf(id, list),
  };
}

const withReason = ({ revoked, notAfter }: IndexEntry) => ({
  revokedAt: revoked?.at ?? notAfter,
  reason: revoked?.reason ?? ('unspecified' as const),
});

/** A hold may be lifted, a revocation here never is: whoever runs the old authority decides. */
function refuseHold(serial: string, reason: CrlReason | undefined): void {
  if (reason !== 'certificateHold' && reason !== 'removeFromCRL') return;
  throw rejected(
    `${serial} is on hold`,
    'certificateHold is not taken over: what is revoked here stays revoked',
    'Release or revoke it at the old authority, have it sign a last CRL, and import that.',
  );
}

function readLastCrl(issuer: ImportedIssuer, der: Bytes, now: Instant): CertificateList {
  const list = readCertificateList(der);
  const { signatureAlgorithm, outerSignatureAlgorithm, tbs, signature } = list;
  const sound =
    equal(list.issuer, issuer.certificate.subject) &&
    equal(signatureAlgorithm, outerSignatureAlgorithm) &&
    verifySignature(outerSignatureAlgorithm, tbs, signature, issuer.publicKey);
  if (!sound)
    throw rejected(
      `the CRL is not one that ${issuer.id} signed`,
      'RFC 5280 6.3.3 (f), (g)',
      'Name the last CRL of this very issuer.',
    );
  const partial = list.extensions.find(
    ({ id }) => id === OID.deltaCRLIndicator || id === OID.issuingDistributionPoint,
  );
  if (partial !== undefined)
    throw rejected(
      'the CRL is a delta or a part of a list',
      'the past of an issuer is its complete CRL',
      'Have the old authority sign a complete CRL.',
    );
  if (list.thisUpdate > now)
    throw rejected(
      `the CRL is of ${formatInstant(list.thisUpdate)}, which is to come`,
      'RFC 5280 5.1.2.4',
      'Look at the clocks of both authorities.',
    );
  return list;
}

/** Old authorities wrote CRLs without a number. */
function floorOf(generation: string, list: CertificateList): CrlFloor {
  const numbered = findExtension(list, OID.cRLNumber) !== undefined;
  return {
    generation,
    scope: 'full',
    number: numbered ? crlNumberOf(list) : 0n,
    thisUpdate: list.thisUpdate,
  };
}

function readIssued({ id, certificate, publicKey }: ImportedIssuer, der: Bytes): Certificate {
  const read = readCertificate(der);
  const sound =
    equal(read.issuer, certificate.subject) &&
    verifySignature(read.outerSignatureAlgorithm, read.tbs.raw, read.signature, publicKey);
  if (sound) return read;
  throw rejected(
    `the certificate ${toHex(read.serial)} is not one that ${id} signed`,
    'RFC 5280 6.1.3 (a)',
    'Name certificates of this issuer only.',
  );
}
