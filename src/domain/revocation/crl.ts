/** CRLs: prepared, judged, signed and read back before anybody sees them, as certificates are. */
import { ChanceryError } from '../../base/errors.ts';
import { DAY, type Duration, floorToSecond, formatInstant, type Instant } from '../../base/clock.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import { findExtension } from '../../x509/certificate.ts';
import { type CertificateList, readCertificateList, readCrlNumber } from '../../x509/crl.ts';
import { scanEntries, sortEntries } from '../../x509/crl-entries.ts';
import { assembleCertificateList, encodeTbsCertList } from '../../x509/crl-writer.ts';
import { OID } from '../../x509/oids.ts';
import { keyIdentifier, type PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor, verifySignature } from '../../x509/signature.ts';

/** How long relying parties may hold on to the CRL of a root whose key somebody has to fetch. */
export const ROOT_CRL_LIFE: Duration = 90 * DAY;

/** … and of one whose key is here: a new one costs nothing, so that no list is older than a week. */
export const NEAR_ROOT_CRL_LIFE: Duration = 7 * DAY;

/** A CRL as it is stored. */
export interface StoredCrl {
  /** Name of the root that it is of. */
  readonly root: string;
  readonly number: bigint;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly der: Bytes;
}

/** CRL numbers only rise, also after a restore and whoever signs next: `max(last + 1, Unix ms)`. */
export function nextCrlNumber(last: bigint | undefined, now: Instant): bigint {
  const clock = BigInt(Math.floor(now));
  return last !== undefined && last >= clock ? last + 1n : clock;
}

/** A third of its life is left, or there is none. */
export const crlIsDue = (
  crl: Pick<StoredCrl, 'thisUpdate' | 'nextUpdate'> | undefined,
  now: Instant,
): boolean => crl === undefined || crl.nextUpdate - now <= (crl.nextUpdate - crl.thisUpdate) / 3;

export interface CrlPlan {
  readonly issuer: {
    readonly certificate: { readonly subject: Bytes };
    readonly publicKey: PublicKey;
  };
  readonly number: bigint;
  readonly now: Instant;
  readonly life?: Duration;
  /** Encoded entries, see `CrlEntries`. */
  readonly entries: Bytes;
}

/** A CRL that was judged and may be signed once. */
export class PreparedCrl {
  readonly signerKey: PublicKey;
  readonly number: bigint;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(tbs: Bytes, plan: CrlPlan, thisUpdate: Instant, nextUpdate: Instant) {
    this.#tbs = tbs;
    this.signerKey = plan.issuer.publicKey;
    this.number = plan.number;
    this.thisUpdate = thisUpdate;
    this.nextUpdate = nextUpdate;
  }

  /** Throws `lint_failed` for an entry that stands there twice or cannot be read. */
  static of(plan: CrlPlan): PreparedCrl {
    const { issuer, number, now, entries, life = ROOT_CRL_LIFE } = plan;
    const thisUpdate = floorToSecond(now);
    const nextUpdate = thisUpdate + life;
    refuseFaultyEntries(entries);
    const tbs = encodeTbsCertList({
      signatureAlgorithm: signatureAlgorithmFor(issuer.publicKey.type).identifier,
      issuer: issuer.certificate.subject,
      thisUpdate,
      nextUpdate,
      number,
      keyIdentifier: keyIdentifier(issuer.publicKey.keyBits),
      entries,
    });
    return new PreparedCrl(tbs, plan, thisUpdate, nextUpdate);
  }

  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared CRL was redeemed twice');
    this.#redeemed = true;
    return concat([this.#tbs]);
  }

  isPrepared(tbs: Bytes): boolean {
    return equal(tbs, this.#tbs);
  }
}

/** In any order, as others write them, but each certificate once. */
function refuseFaultyEntries(entries: Bytes): void {
  if (!scanEntries(entries).sorted) sortEntries(entries);
}

/** Signs CRLs and nothing else. */
export interface CrlSigner {
  sign(keyId: string, prepared: PreparedCrl): { readonly tbs: Bytes; readonly signature: Bytes };
}

/** Signs, checks what was signed, and returns the CRL's DER. Throws `self_check_failed`. */
export function signCrl(signer: CrlSigner, keyId: string, prepared: PreparedCrl): Bytes {
  const { tbs, signature } = signer.sign(keyId, prepared);
  const { identifier } = signatureAlgorithmFor(prepared.signerKey.type);
  const der = assembleCertificateList(tbs, identifier, signature);
  const list = readCertificateList(der);
  const sound =
    prepared.isPrepared(list.tbs) &&
    verifySignature(identifier, list.tbs, list.signature, prepared.signerKey);
  if (sound) return der;
  throw new ChanceryError('self_check_failed', {
    message: 'the CRL was signed and discarded: it is not the one that was prepared, or does not verify',
    rule: 'signed octets are the prepared ones and verify',
  });
}

/** The number of a CRL. Throws `chain_rejected` for one without. */
export function crlNumberOf(list: CertificateList): bigint {
  const extension = findExtension(list, OID.cRLNumber);
  if (extension !== undefined) return readCrlNumber(extension.value);
  throw rejected('the CRL has no number', 'RFC 5280 5.2.3: every CRL is numbered');
}

const rejected = (message: string, rule: string): ChanceryError =>
  new ChanceryError('chain_rejected', { message, rule, fix: 'Sign it with `chancery ca sign-crl`.' });

/**
 * The root that a CRL from elsewhere is of, and the CRL as it is stored. Throws `chain_rejected` where no root of ours
 * signed it, it has run out, it is a part of a list, or its number is not above that of the stored one.
 */
export function judgeForeignCrl<R extends CrlPlan['issuer'] & { readonly name: string }>(
  der: Bytes,
  roots: readonly R[],
  stored: (root: string) => StoredCrl | undefined,
  now: Instant,
): StoredCrl {
  const list = readCertificateList(der);
  const root = roots.find(
    ({ certificate, publicKey }) =>
      equal(certificate.subject, list.issuer) &&
      equal(list.signatureAlgorithm, list.outerSignatureAlgorithm) &&
      verifySignature(list.outerSignatureAlgorithm, list.tbs, list.signature, publicKey),
  );
  if (root === undefined)
    throw rejected('no root of this authority signed the CRL', 'RFC 5280 6.3.3 (f), (g)');
  const { thisUpdate, nextUpdate, version, extensions } = list;
  if (version !== 2) throw rejected(`the CRL is of version ${version}`, 'RFC 5280 5.1.2.1: version 2');
  const partial = extensions.find(
    ({ id }) => id === OID.deltaCRLIndicator || id === OID.issuingDistributionPoint,
  );
  if (partial !== undefined)
    throw rejected('the CRL is a delta or a part of a list', 'the CRL of a root is complete');
  if (nextUpdate === undefined || nextUpdate <= now || thisUpdate > now)
    throw rejected(
      `the CRL is of ${formatInstant(thisUpdate)}${nextUpdate === undefined ? ', without nextUpdate' : `, the next one was due at ${formatInstant(nextUpdate)}`}`,
      'RFC 5280 5.1.2.4, 5.1.2.5: thisUpdate ≤ now < nextUpdate',
    );
  refuseFaultyEntries(list.entries);
  const number = crlNumberOf(list);
  const before = stored(root.name);
  if (before !== undefined && number <= before.number)
    throw rejected(
      `the CRL has the number ${number}, the stored one of ${root.name} has ${before.number}`,
      'RFC 5280 5.2.3: numbers only rise',
    );
  return { root: root.name, number, thisUpdate, nextUpdate, der };
}
