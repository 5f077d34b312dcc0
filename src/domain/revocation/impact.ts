/** What a revocation would hit, before it does: everything counted, the first in full. Nothing is changed. */
import { isChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import { type Principal } from '../identity/principal.ts';
import type { RevocationPorts, Selection } from './request.ts';
import { deciderOf } from './revoke.ts';
import { type RevocationReach, revocationReach } from './reach.ts';
import { selected } from './selection.ts';
import { rulesForUnrecorded, type Unrecorded, unrecordedAmong } from './unrecorded.ts';

/** As many are shown in full. */
const SHOWN = 100;
/** As many are counted. */
const COUNTED = 100_000;
/** How many later certificates of the same name are looked at for the one that replaced it. */
const LATER = 50;

export interface ImpactOne {
  readonly certificate: StoredCertificate;
  /** When a later certificate renewed it; `null` for never. */
  readonly lastRenewed: Instant | null;
  /** Serial of a later living certificate of the same issuer and profile with the same names. */
  readonly replacedBy: string | null;
  readonly reach: RevocationReach;
  readonly keyBlocked: boolean;
}

export interface Impact {
  readonly count: number;
  /** Of those, how many are known here by issuer and serial number only. */
  readonly unrecorded: number;
  /** False where there are more than were counted. */
  readonly complete: boolean;
  /** Of those, how many this caller may not revoke: nothing is revoked unless this is 0. */
  readonly refused: number;
  readonly principals: number;
  readonly owners: number;
  readonly byIssuer: ReadonlyMap<string, number>;
  /** notAfter of the one that lives longest. */
  readonly latest: Instant | undefined;
  /** Whether a revocation by this caller for keyCompromise blocks the keys of all that are shown. */
  readonly blocksKeys: boolean;
  /** Those that the caller may read or revoke. */
  readonly shown: readonly ImpactOne[];
}

/** Throws what a revocation of the same selection refuses with, but for the grants. */
export async function impact(
  ports: RevocationPorts,
  principal: Principal,
  selection: Selection,
): Promise<Impact> {
  const now = ports.clock.now();
  const decider = deciderOf(ports, principal);
  const principals = new Set<string>();
  const owners = new Set<string>();
  const byIssuer = new Map<string, number>();
  const shown: ImpactOne[] = [];
  const unrecorded = unrecordedAmong(ports, selection);
  for (const { issuer } of unrecorded) byIssuer.set(issuer, (byIssuer.get(issuer) ?? 0) + 1);
  let [count, refused, latest, blocksKeys] = [
    unrecorded.length,
    refusedAmong(ports, principal, unrecorded, now),
    undefined as Instant | undefined,
    unrecorded.length === 0,
  ];
  for (const page of selected(ports, selection, now)) {
    if (count >= COUNTED) break;
    for (const certificate of page) {
      count += 1;
      const allowed = decider.everything !== undefined || decider.decide(certificate).decision.allowed;
      if (!allowed) refused += 1;
      if (!allowed && selection.kind === 'search' && !decider.mayRead(certificate)) continue;
      principals.add(certificate.principal);
      if (certificate.owner !== null) owners.add(certificate.owner);
      byIssuer.set(certificate.issuer, (byIssuer.get(certificate.issuer) ?? 0) + 1);
      latest = Math.max(latest ?? 0, certificate.notAfter);
      if (shown.length >= SHOWN) continue;
      blocksKeys &&= decider.maySpeakForKey(certificate);
      shown.push(look(ports, certificate, now));
    }
    await ports.pause();
  }
  const complete = count < COUNTED;
  return {
    ...{
      count,
      unrecorded: unrecorded.length,
      complete,
      refused,
      principals: principals.size,
      owners: owners.size,
    },
    ...{ byIssuer, latest, blocksKeys, shown },
  };
}

/** Throws `certificate_expired`. */
function refusedAmong(
  ports: RevocationPorts,
  principal: Principal,
  unrecorded: readonly Unrecorded[],
  now: Instant,
): number {
  return unrecorded.filter((one) => {
    try {
      rulesForUnrecorded(ports, principal, [one], now);
      return false;
    } catch (error) {
      if (isChanceryError(error) && error.code === 'not_granted') return true;
      throw error;
    }
  }).length;
}

function look(ports: RevocationPorts, certificate: StoredCertificate, now: Instant): ImpactOne {
  const renewal = ports.inventory.renewal(certificate.serial);
  const replacement = laterOnes(ports, certificate, now).find(
    (one) => one.revokedAt === null && one.notAfter >= now && sameNames(one, certificate),
  );
  return {
    certificate,
    lastRenewed: renewal?.issuedAt ?? null,
    replacedBy: replacement?.serial ?? null,
    reach: revocationReach(certificate),
    keyBlocked: ports.ledger.isKeyBlocked(certificate.keyFingerprint),
  };
}

function laterOnes(
  { inventory }: RevocationPorts,
  { names: [name], issuer, profile, serial, issuedAt }: StoredCertificate,
  now: Instant,
): readonly StoredCertificate[] {
  if (name === undefined) return [];
  return inventory
    .search({ name: name.value, issuer, profile }, now, LATER)
    .certificates.filter((one) => one.serial !== serial && one.issuedAt >= issuedAt);
}

const sameNames = (a: StoredCertificate, b: StoredCertificate): boolean =>
  a.names.length === b.names.length &&
  a.names.every(({ kind, value }) => b.names.some((other) => other.kind === kind && other.value === value));
