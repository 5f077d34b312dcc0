/**
 * Revocation by somebody who is logged in. It takes these steps in this order, whichever door it was asked for at:
 *
 *   1 reason      reasons.ts: one that leaves can have
 *   2 select      selection.ts: the certificates that are meant; those that were named are all there and have not expired
 *   3 decide      each by itself, by the grants; one that may not be revoked, and nothing happens at all
 *   4 record      RevocationStore port: entry of the CRL, state of the certificate, blocked key and audit entry of up to
 *                 256 certificates in one durable transaction
 *   5 tell        who builds CRLs and keeps OCSP answers; nothing waits for them
 *   6 answer
 *
 * A crash before 4 leaves nothing. After 4 everything is there: a CRL covers it by its sequence, told or not, and the
 * same request again finds it done. Of several transactions some may be there: the same request again does the rest.
 */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { AuditDraft, AuditEvent } from '../audit/entry.ts';
import { grantOfEveryName, refusal } from '../identity/authorize.ts';
import { formatNameKey } from '../identity/names.ts';
import { type Door, type Principal, principalId } from '../identity/principal.ts';
import { type Coverage, coverage } from '../issuance/covered.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import type { RevocationOrder, RevocationResult } from './ports.ts';
import { type LeafReason, parseReason } from './reasons.ts';
import { reachNotice, revocationReach } from './reach.ts';
import type { RevocationPorts, RevocationReport, RevocationRequest, RevokedOne } from './request.ts';
import { listed, selected } from './selection.ts';
import { rulesForUnrecorded, unrecordedAmong, unrecordedOrder } from './unrecorded.ts';

/** As many are revoked by one request; asked again, the rest are. */
export const MOST_AT_ONCE = 10_000;

export const NOT_BLOCKED =
  'the key is not blocked: that takes a signature by the key itself (`chancery cert revoke --leaked-key`), or an operator who holds revoke or admin on everything';

/** Throws what steps 1 to 3 refuse with, `precondition_failed`, `store_unavailable` or `audit_unavailable`. */
export async function revoke(ports: RevocationPorts, request: RevocationRequest): Promise<RevocationReport> {
  const { principal, selection, expectedCount } = request;
  const reason = parseReason(request.reason);
  const now = ports.clock.now();
  const decider = deciderOf(ports, principal);
  const unrecorded = unrecordedAmong(ports, selection);
  const rules = rulesForUnrecorded(ports, principal, unrecorded, now);
  // a search by who may revoke everything needs no look ahead
  if (selection.kind !== 'search' || decider.everything === undefined || expectedCount !== undefined)
    expect(unrecorded.length + (await checkAll(ports, request, decider, now)), expectedCount);

  const results: RevokedOne[] = [];
  const notices = new Set<string>();
  if (unrecorded.length > 0) {
    const orders = unrecorded.map((one) =>
      unrecordedOrder(one, reason, rules.get(one.issuer) ?? '', now, draftOf(request, now)),
    );
    results.push(...(await record(ports, orders, unrecorded, now)));
    if (reason === 'keyCompromise') notices.add(NOT_BLOCKED);
  }
  for (const page of selected(ports, selection, now)) {
    if (results.length >= MOST_AT_ONCE) return { results, more: true, notices: [...notices] };
    const orders = page.map((stored) => {
      const blockKey =
        reason === 'keyCompromise' && decider.maySpeakForKey(stored) ? stored.keyFingerprint : undefined;
      return order(stored, reason, blockKey, now, {
        ...draftOf(request, now),
        details: { rule: decider.ruleFor(stored) },
      });
    });
    results.push(...(await record(ports, orders, page, now)));
    for (const notice of noticesOf(ports, page, orders, reason)) notices.add(notice);
    await ports.pause();
  }
  return { results, more: false, notices: [...notices] };
}

/** Steps 4 and 5 for one transaction. */
export async function record(
  ports: RevocationPorts,
  orders: readonly RevocationOrder[],
  certificates: readonly { readonly serial: string; readonly keyFingerprint?: string }[],
  now: Instant,
): Promise<RevokedOne[]> {
  const results = await ports.store.revoke(orders, now);
  tell(ports, orders, results);
  return certificates.map(({ serial, keyFingerprint }, i) => ({
    serial,
    result: results[i] ?? 'already',
    keyBlocked: keyFingerprint !== undefined && ports.ledger.isKeyBlocked(keyFingerprint),
  }));
}

/** Each shard once. */
function tell(
  { revoked }: Pick<RevocationPorts, 'revoked'>,
  orders: readonly RevocationOrder[],
  results: readonly RevocationResult[],
): void {
  const changed = new Map<string, readonly [generation: string, shard: number]>();
  orders.forEach(({ revocation: { generation, shard } }, i) => {
    if (results[i] === 'revoked' || results[i] === 'raised')
      changed.set(`${generation}/${shard}`, [generation, shard]);
  });
  for (const [generation, shard] of changed.values()) revoked(generation, shard);
}

export function order(
  {
    serial,
    generation,
    shard,
    notAfter,
    issuer,
    profile,
    names,
    revokedAt,
    keyFingerprint,
  }: StoredCertificate,
  reason: LeafReason,
  blockKey: string | undefined,
  now: Instant,
  draft: AuditDraft,
): RevocationOrder {
  const details: AuditDraft['details'] = {
    serial,
    generation,
    issuer,
    profile,
    names: names.map(formatNameKey),
    reason,
    key: keyFingerprint,
    keyBlocked: blockKey !== undefined,
    ...(revokedAt === null ? {} : { revokedBefore: formatInstant(revokedAt) }),
    ...draft.details,
  };
  return {
    revocation: { serial, generation, shard, notAfter, revokedAt: now, reason },
    blockKey,
    audit: [{ ...draft, details }],
  };
}

export const draftOf = (
  { principal, door }: { readonly principal: Principal; readonly door: Door },
  now: Instant,
  event: AuditEvent = 'certificate.revoked',
): AuditDraft => ({
  time: now,
  event,
  outcome: 'allowed',
  principal: principalId(principal),
  door: door.name,
  requestId: door.requestId,
  ...(door.address === undefined ? {} : { address: door.address }),
  details: {},
});

function noticesOf(
  ports: RevocationPorts,
  page: readonly StoredCertificate[],
  orders: readonly RevocationOrder[],
  reason: LeafReason,
): string[] {
  const unblocked =
    reason === 'keyCompromise' &&
    orders.some(({ blockKey }, i) => {
      const key = page[i]?.keyFingerprint;
      return blockKey === undefined && key !== undefined && !ports.ledger.isKeyBlocked(key);
    });
  const hidden = page.find((stored) => revocationReach(stored) === 'here');
  const notice = hidden && reachNotice('here');
  return [...(unblocked ? [NOT_BLOCKED] : []), ...(notice === undefined ? [] : [notice])];
}

/** What the caller's grants say. */
export interface Decider {
  /** The grant that gives `revoke` on everything. */
  readonly everything: string | undefined;
  readonly decide: (stored: StoredCertificate) => Coverage;
  /** The grant that allows it. Throws `not_granted`. */
  readonly ruleFor: (stored: StoredCertificate) => string;
  readonly mayRead: (stored: StoredCertificate) => boolean;
  /** Whether a keyCompromise that this caller reports blocks the key. */
  readonly maySpeakForKey: (stored: StoredCertificate) => boolean;
}

export function deciderOf(ports: RevocationPorts, principal: Principal): Decider {
  const { trustDomain, ledger } = ports;
  const grants = ports.grantsOf(principal);
  const everywhere = (verb: 'revoke' | 'admin'): string | undefined =>
    grantOfEveryName(grants, principal, { verb, issuer: '*', profile: '*' }, trustDomain)?.name;
  const everything = everywhere('revoke');
  const operator = everything !== undefined || everywhere('admin') !== undefined;
  const ownKey =
    principal.kind === 'mtls' ? ledger.findCertificate(principal.serial)?.keyFingerprint : undefined;
  const decide = (stored: StoredCertificate): Coverage =>
    coverage(grants, principal, 'revoke', stored, trustDomain);
  return {
    everything,
    decide,
    ruleFor(stored) {
      if (everything !== undefined) return everything;
      const { decision, ask } = decide(stored);
      if (decision.allowed) return decision.rule;
      throw refusal(decision, ask);
    },
    mayRead: (stored) =>
      (principal.kind === 'mtls' && principal.serial === stored.serial) ||
      coverage(grants, principal, 'read', stored, trustDomain).decision.allowed,
    maySpeakForKey: ({ keyFingerprint }) => operator || keyFingerprint === ownKey,
  };
}

/** Step 3. How many there are; throws `not_granted` with those that may not be revoked. */
async function checkAll(
  ports: RevocationPorts,
  { selection }: RevocationRequest,
  decider: Decider,
  now: Instant,
): Promise<number> {
  let count = 0;
  let refused = 0;
  let first: Coverage | undefined;
  const named: string[] = [];
  for (const page of selected(ports, selection, now)) {
    count += page.length;
    for (const stored of decider.everything === undefined ? page : []) {
      const found = decider.decide(stored);
      if (found.decision.allowed) continue;
      refused += 1;
      first ??= found;
      // who may neither read nor name a certificate does not learn of it
      if (named.length < 20 && (selection.kind !== 'search' || decider.mayRead(stored)))
        named.push(stored.serial);
    }
    await ports.pause();
  }
  if (first !== undefined) throw notGranted(first, refused, count, named);
  return count;
}

function notGranted(
  { decision, ask }: Coverage,
  refused: number,
  count: number,
  named: readonly string[],
): ChanceryError {
  const one = refusal(decision, ask);
  if (count === 1) return one;
  return new ChanceryError('not_granted', {
    ...one.detail,
    message: `${ask.principalIds[0] ?? 'nobody'} may not revoke ${refused} of these ${count} certificates${named.length === 0 ? '' : `: ${listed(named)}`}; nothing was revoked`,
    errors: named.map((serial) => ({ field: serial, message: 'no grant covers it' })),
  });
}

function expect(count: number, expected: number | undefined): void {
  if (expected === undefined || expected === count) return;
  throw new ChanceryError('precondition_failed', {
    message: `${count} certificates would be revoked, not ${expected}; nothing was revoked`,
    rule: 'expectedCount is how many there are',
    fix: 'Look at them again, and revoke with their number.',
  });
}
