/**
 * Serials that this authority answers for without having the certificate: of an imported issuer, or issued after the
 * backup that was restored. Nobody knows their names, so only who may revoke everything of their issuer may revoke them;
 * nobody knows their keys, so none is blocked.
 */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';
import { DENY_BY_DEFAULT, grantOfEveryName } from '../identity/authorize.ts';
import { type Principal, principalId } from '../identity/principal.ts';
import type { KnownSerial, RevocationOrder } from './ports.ts';
import type { LeafReason } from './reasons.ts';
import type { RevocationPorts, Selection } from './request.ts';

export interface Unrecorded extends KnownSerial {
  readonly issuer: string;
}

/** Those among the serials that were named. */
export function unrecordedAmong(
  { ledger, store, generations }: Pick<RevocationPorts, 'ledger' | 'store' | 'generations'>,
  selection: Selection,
): readonly Unrecorded[] {
  if (selection.kind !== 'serials') return [];
  return [...new Set(selection.serials)]
    .filter((serial) => ledger.findCertificate(serial) === undefined)
    .flatMap((serial) =>
      generations().flatMap(({ id, issuer }) => {
        const known = store.findKnown(id, serial);
        return known === undefined ? [] : [{ ...known, issuer }];
      }),
    );
}

/** The grants that allow it, by issuer. Throws `not_granted` or `certificate_expired`. */
export function rulesForUnrecorded(
  ports: RevocationPorts,
  principal: Principal,
  unrecorded: readonly Unrecorded[],
  now: Instant,
): ReadonlyMap<string, string> {
  const rules = new Map<string, string>();
  const grants = ports.grantsOf(principal);
  for (const { issuer, serial, notAfter } of unrecorded) {
    if (notAfter < now)
      throw new ChanceryError('certificate_expired', {
        message: `${serial} expired at ${formatInstant(notAfter)}; nothing was revoked`,
        rule: 'a revocation ends with the certificate (RFC 5280 3.3): one that expired needs none',
        fix: 'Leave it out.',
      });
    const ask = { verb: 'revoke', issuer, profile: '*' } as const;
    const rule = rules.get(issuer) ?? grantOfEveryName(grants, principal, ask, ports.trustDomain)?.name;
    if (rule === undefined)
      throw new ChanceryError('not_granted', {
        message: `${principalId(principal)} may not revoke ${serial}, of which only issuer and serial number are known here`,
        rule: `${DENY_BY_DEFAULT}: without its names it takes revoke on every profile and name of ${issuer}`,
        fix: 'Ask an operator who holds it.',
      });
    rules.set(issuer, rule);
  }
  return rules;
}

export const unrecordedOrder = (
  { serial, generation, shard, notAfter, issuer }: Unrecorded,
  reason: LeafReason,
  rule: string,
  now: Instant,
  draft: AuditDraft,
): RevocationOrder => ({
  revocation: { serial, generation, shard, notAfter, revokedAt: now, reason },
  blockKey: undefined,
  audit: [{ ...draft, details: { serial, generation, issuer, reason, keyBlocked: false, rule } }],
});
