/**
 * CRLs of the generations of issuers: one complete list, and one for each shard that the certificates name. They are
 * laid out and judged beside the server, because a list can have a million entries, and signed by it.
 */
import { DAY, type Duration, floorToSecond, formatInstant, type Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type CrlTemplate, frameTbsCertList } from '../../x509/crl-writer.ts';
import { issuingDistributionPoint } from '../../x509/distribution-point.ts';
import { keyIdentifier, type PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { Generation, StatusUrls } from '../issuance/issuer.ts';
import { nextCrlNumber } from './crl.ts';
import type { CrlScope, PublishedCrl, Revocation } from './ports.ts';

/** How long relying parties may hold on to the CRL of an issuer. */
export const CRL_LIFE: Duration = DAY;

/** Shards first: they are what certificates name. */
export const scopesOf = ({ shards }: Pick<Generation, 'shards'>): readonly CrlScope[] => [
  ...Array.from({ length: shards }, (_, shard) => shard),
  'full',
];

/** While its CA certificate is valid, whatever its state: nothing that it signed lives longer. */
export const publishesCrls = (
  { certificate }: { readonly certificate: { readonly notAfter: Instant } },
  now: Instant,
): boolean => now <= certificate.notAfter;

/** There is none, half of its life is over (by any clock), or a revocation is not in it. */
export const scopeIsDue = (
  last: Pick<PublishedCrl, 'thisUpdate' | 'nextUpdate' | 'covers'> | undefined,
  latestSequence: number,
  now: Instant,
): boolean =>
  last === undefined ||
  latestSequence > last.covers ||
  last.nextUpdate - now <= (last.nextUpdate - last.thisUpdate) / 2;

/** What one CRL will say, before its entries are known. */
export interface ScopePlan {
  readonly generation: string;
  readonly scope: CrlScope;
  readonly template: Omit<CrlTemplate, 'entries'>;
  /** See `EntriesWanted` of the store: what may be left out. */
  readonly expiredBefore: Instant;
  readonly covered: number;
}

export interface ScopeFacts {
  readonly generation: Pick<Generation, 'id' | 'certificate' | 'publicKey'>;
  readonly scope: CrlScope;
  readonly urls: Pick<StatusUrls, 'crlShard'>;
  /** The newest one of this scope. */
  readonly last: PublishedCrl | undefined;
  /** The highest number of all scopes of the generation, here and wherever else it is on record. */
  readonly highestNumber: bigint | undefined;
  /** Another thisUpdate that none may be before: that of a CRL which is on record elsewhere. */
  readonly notBefore?: Instant | undefined;
  readonly now: Instant;
  readonly life: Duration;
  /** An operator says that the clock is right, and that the last CRL was dated by one that was not. */
  readonly acceptClock?: boolean;
}

/**
 * thisUpdate never goes back, whatever the clock does, unless an operator says so. An entry is left out only when the
 * last CRL of this scope named it after its certificate had expired, by the earlier of that CRL's clock and this one.
 */
export function planScope(facts: ScopeFacts): ScopePlan {
  const {
    generation,
    scope,
    urls,
    last,
    highestNumber,
    now,
    life,
    notBefore = 0,
    acceptClock = false,
  } = facts;
  const { id, certificate, publicKey } = generation;
  const thisUpdate = floorToSecond(acceptClock ? now : Math.max(now, last?.thisUpdate ?? 0, notBefore));
  return {
    generation: id,
    scope,
    template: {
      signatureAlgorithm: signatureAlgorithmFor(publicKey.type).identifier,
      issuer: certificate.subject,
      thisUpdate,
      nextUpdate: thisUpdate + life,
      number: nextCrlNumber(highestNumber, now),
      keyIdentifier: keyIdentifier(publicKey.keyBits),
      ...(scope === 'full' ? {} : { extensions: [issuingDistributionPoint(urls.crlShard(id, scope))] }),
    },
    expiredBefore: last === undefined ? 0 : Math.min(last.thisUpdate, thisUpdate),
    covered: last?.covers ?? 0,
  };
}

/** An entry of the last CRL that is not in the next one, with what is on record of it. */
export interface GoneEntry extends Pick<Revocation, 'serial' | 'revokedAt' | 'reason'> {
  /** `undefined` for a serial number that is on record nowhere. */
  readonly notAfter: Instant | undefined;
  readonly shard: number | undefined;
}

/**
 * Entries that went before one regular CRL named them after their certificates had expired (RFC 5280 3.3), as the
 * revocations that have to be put back. A certificate that nothing is known of is kept for as long as its issuer's.
 */
export function goneTooEarly(
  gone: readonly GoneEntry[],
  { generation, scope, expiredBefore }: ScopePlan,
  issuer: { readonly shards: number; readonly notAfter: Instant },
): Revocation[] {
  return gone
    .filter(({ notAfter }) => notAfter === undefined || notAfter >= expiredBefore)
    .map(({ serial, revokedAt, reason, notAfter, shard }) => ({
      generation,
      serial,
      revokedAt,
      reason,
      notAfter: notAfter ?? issuer.notAfter,
      shard: shard ?? (scope === 'full' ? Number.parseInt(serial.slice(-2), 16) % issuer.shards : scope),
    }));
}

/** A CRL that was judged and may be signed once, by the key of its generation. */
export class PreparedIssuerCrl {
  readonly signerKey: PublicKey;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(tbs: Bytes, signerKey: PublicKey) {
    this.#tbs = tbs;
    this.signerKey = signerKey;
  }

  /**
   * `tbs` was laid out elsewhere around `entries` octets of entries that were judged there. Throws `lint_failed` where
   * anything else in it differs from the plan, or the plan from what may follow the last CRL.
   */
  static of(
    plan: ScopePlan,
    signerKey: PublicKey,
    laidOut: { readonly tbs: Bytes; readonly entries: number },
    last: Pick<PublishedCrl, 'number' | 'thisUpdate'> | undefined,
    acceptClock: boolean,
  ): PreparedIssuerCrl {
    const { template } = plan;
    const { tbs, entries } = laidOut;
    const { head, tail } = frameTbsCertList(template, entries);
    const asPlanned =
      tbs.length === head.length + entries + tail.length &&
      equal(tbs.subarray(0, head.length), head) &&
      equal(tbs.subarray(head.length + entries), tail);
    if (!asPlanned) throw faulty('the CRL was laid out differently from its plan', 'RFC 5280 5.1.2');
    if (last !== undefined && template.number <= last.number)
      throw faulty(`the CRL number ${template.number} does not rise`, 'RFC 5280 5.2.3');
    if (last !== undefined && template.thisUpdate < last.thisUpdate && !acceptClock)
      throw faulty(
        `thisUpdate ${formatInstant(template.thisUpdate)} goes back`,
        'a later CRL is not dated earlier',
      );
    return new PreparedIssuerCrl(tbs, signerKey);
  }

  /** The octets themselves: there is no second copy of a list of this length. */
  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared CRL was redeemed twice');
    this.#redeemed = true;
    return this.#tbs;
  }
}

/** Signs CRLs of issuers and nothing else, without holding anything up. */
export interface IssuerCrlSigner {
  sign(keyId: string, prepared: PreparedIssuerCrl): Promise<Bytes>;
}

const faulty = (message: string, rule: string): ChanceryError =>
  new ChanceryError('lint_failed', { message, rule });
