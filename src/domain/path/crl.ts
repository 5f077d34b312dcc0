/** A CRL as a path check sees it: read once, with everything that makes it unfit by itself (RFC 5280 5, 6.3.3). */
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { floorToSecond, formatInstant, type Instant } from '../../base/clock.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import {
  type CertificateList,
  type CrlReason,
  readCertificateList,
  readCrlNumber,
  revocationReason,
  revokedCertificates,
} from '../../x509/crl.ts';
import {
  ALL_REASONS,
  type IssuingDistributionPoint,
  readIssuingDistributionPoint,
} from '../../x509/distribution-point.ts';
import { nameKey } from '../../x509/name-match.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { findSignatureAlgorithm } from '../../x509/signature.ts';
import type { Candidate } from './candidate.ts';

export interface RevocationEntry {
  readonly revokedAt: Instant;
  readonly reason: CrlReason;
}

/** Extensions that may be critical; everything else that is critical makes the list unfit. */
const CRITICAL_IN_LIST: readonly string[] = [OID.issuingDistributionPoint, OID.deltaCRLIndicator];
const CRITICAL_IN_ENTRY: readonly string[] = [OID.reasonCode];

export class Crl {
  readonly list: CertificateList;
  readonly issuerKey: string;
  #facts: Facts | undefined;

  /** Throws `malformed_der`. */
  constructor(der: Bytes) {
    this.list = readCertificateList(der);
    this.issuerKey = nameKey(this.list.issuer);
  }

  get facts(): Facts {
    return (this.#facts ??= readFacts(this.list));
  }

  /** Why the list says nothing at this time, whoever signed it; `undefined` when it does. */
  unfitness(at: Instant): string | undefined {
    const { thisUpdate, nextUpdate } = this.list;
    if (this.facts.fault !== undefined) return this.facts.fault;
    if (at < thisUpdate) return `it is only valid from ${formatInstant(thisUpdate)}`;
    if (nextUpdate === undefined) return 'it has no nextUpdate';
    return floorToSecond(at) > nextUpdate
      ? `it should have been replaced at ${formatInstant(nextUpdate)}`
      : undefined;
  }

  /** Which reasons the list covers for a certificate: none when the certificate is out of its scope. */
  reasonsFor({ isCa, decoded, certificate, issuerKey }: Candidate): readonly number[] {
    const { scope } = this.facts;
    if (issuerKey !== this.issuerKey) return [];
    const points = decoded.distributionPoints?.filter(({ crlIssuer }) => crlIssuer === undefined);
    if (scope === undefined) {
      // without an own name it is the list of everything that its issuer revoked
      return points === undefined || points.length === 0
        ? ALL_REASONS
        : union(points.map(({ reasons }) => reasons));
    }
    if (scope.onlyAttributeCerts || (scope.onlyCaCerts && !isCa) || (scope.onlyUserCerts && isCa)) return [];
    if (scope.names === undefined) return scope.reasons;
    const own = scope.names;
    const named = points ?? [
      { names: [`directory:${nameKey(certificate.issuer)}`], reasons: ALL_REASONS, crlIssuer: undefined },
    ];
    const matching = named.filter(({ names }) => names?.some((name) => own.includes(name)) === true);
    const covered = union(matching.map(({ reasons }) => reasons));
    return covered.filter((reason) => scope.reasons.includes(reason));
  }

  entryOf(serial: Bytes): RevocationEntry | undefined {
    return this.facts.entries.get(toHex(serial));
  }

  describe(): string {
    return `the CRL of ${formatInstant(this.list.thisUpdate)}`;
  }
}

const union = (sets: readonly (readonly number[])[]): number[] => [...new Set(sets.flat())];

interface Facts {
  /** What makes the list unfit at any time. */
  readonly fault?: string;
  readonly scope: IssuingDistributionPoint | undefined;
  /** Octets of issuingDistributionPoint: a delta must have the same. */
  readonly scopeOctets: string;
  readonly number: bigint;
  /** Only in a delta: the number of the list that it starts from. */
  readonly base: bigint | undefined;
  readonly entries: ReadonlyMap<string, RevocationEntry>;
}

const unfit = (fault: string): Facts => ({
  fault,
  scope: undefined,
  scopeOctets: '',
  number: 0n,
  base: undefined,
  entries: new Map(),
});

function readFacts(list: CertificateList): Facts {
  try {
    const find = (id: string): Bytes | undefined =>
      list.extensions.find((extension) => extension.id === id)?.value;
    if (list.version !== 2) return unfit(`it is of version ${list.version}`);
    if (!equal(list.signatureAlgorithm, list.outerSignatureAlgorithm))
      return unfit('its two signature algorithms differ');
    if (findSignatureAlgorithm(list.signatureAlgorithm) === undefined)
      return unfit('its signature algorithm is not accepted');
    const ids = list.extensions.map(({ id }) => id);
    if (new Set(ids).size !== ids.length) return unfit('it has an extension twice');
    const unknown = list.extensions.find(({ id, critical }) => critical && !CRITICAL_IN_LIST.includes(id));
    if (unknown !== undefined)
      return unfit(`its critical extension ${oidName(unknown.id)} is not understood here`);
    const number = find(OID.cRLNumber);
    if (number === undefined) return unfit('it has no cRLNumber');
    const idp = find(OID.issuingDistributionPoint);
    const scope = idp === undefined ? undefined : readIssuingDistributionPoint(idp, list.issuer);
    if (scope?.indirect === true) return unfit('it is an indirect CRL');
    const base = find(OID.deltaCRLIndicator);
    return {
      scope,
      scopeOctets: idp === undefined ? '' : toHex(idp),
      number: readCrlNumber(number),
      base: base === undefined ? undefined : readCrlNumber(base),
      entries: readEntries(list),
    };
  } catch (error) {
    if (isChanceryError(error)) return unfit(error.message);
    throw error;
  }
}

function readEntries(list: CertificateList): Map<string, RevocationEntry> {
  const entries = new Map<string, RevocationEntry>();
  for (const entry of revokedCertificates(list)) {
    const unknown = entry.extensions.find(({ id, critical }) => critical && !CRITICAL_IN_ENTRY.includes(id));
    if (unknown !== undefined)
      throw new ChanceryError(
        'malformed_der',
        `its critical entry extension ${oidName(unknown.id)} is not understood here`,
      );
    entries.set(toHex(entry.serial), { revokedAt: entry.revokedAt, reason: revocationReason(entry) });
  }
  return entries;
}
