/**
 * Schedules revocations, cancels and carries them out. A crash in between leaves one that is due: the next round finds
 * what was revoked already and does the rest.
 */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { toHex } from '../../x509/bytes.ts';
import { DENY_BY_DEFAULT, grantOfEveryName } from '../identity/authorize.ts';
import { type Door, type Principal, principalId } from '../identity/principal.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import { type LeafReason, parseReason } from './reasons.ts';
import type { RevocationPorts } from './request.ts';
import { draftOf, order, record } from './revoke.ts';
import { type ScheduledRevocation, type ScheduledRevocationStore, scheduledState } from './scheduled.ts';
import { CHUNK } from './selection.ts';

export interface SchedulePorts {
  readonly revocation: RevocationPorts;
  readonly scheduled: ScheduledRevocationStore;
  readonly random: Random;
}

interface By {
  readonly principal: Principal;
  readonly door: Door;
}

export interface ScheduleWish {
  readonly issuer: string;
  readonly issuedUntil: Instant;
  readonly dueAt: Instant;
}

/** Who may schedule, and why; asked before clients are told to renew. Throws `not_granted` or what the reason is refused with. */
export function allowSchedule(
  { revocation: { grantsOf, trustDomain } }: SchedulePorts,
  { principal }: By,
  issuer: string,
  text: string,
): { readonly reason: LeafReason; readonly rule: string } {
  const reason = parseReason(text);
  if (reason === 'keyCompromise')
    throw new ChanceryError('revocation_refused', {
      message: 'a revocation for keyCompromise does not wait',
      rule: 'whoever has a leaked key uses it meanwhile',
      fix: 'Revoke at once: `chancery cert revoke --reason keyCompromise`.',
    });
  const ask = { verb: 'revoke', issuer, profile: '*' } as const;
  const grants = grantsOf(principal);
  const grant = grantOfEveryName(grants, principal, ask, trustDomain);
  if (grant !== undefined) return { reason, rule: grant.name };
  throw new ChanceryError('not_granted', {
    message: `${principalId(principal)} may not revoke everything that ${issuer} issued`,
    rule: DENY_BY_DEFAULT,
    fix: 'Ask an operator who holds revoke on every name and profile of the issuer.',
  });
}

const ID_OCTETS = 10;

export async function schedule(
  { revocation, scheduled, random }: SchedulePorts,
  by: By,
  { issuer, issuedUntil, dueAt }: ScheduleWish,
  { reason, rule }: ReturnType<typeof allowSchedule>,
): Promise<ScheduledRevocation> {
  const now = revocation.clock.now();
  const one: ScheduledRevocation = {
    ...{ id: toHex(random.bytes(ID_OCTETS)), issuer, issuedUntil, reason, dueAt, rule },
    createdBy: principalId(by.principal),
    createdAt: now,
    ...{ cancelledAt: null, doneAt: null, revoked: null },
  };
  await scheduled.add(one, [
    {
      ...draftOf(by, now, 'revocation.scheduled'),
      details: { ...detailsOf(one), dueAt: formatInstant(dueAt), rule },
    },
  ]);
  return one;
}

const detailsOf = ({ id, issuer, issuedUntil, reason }: ScheduledRevocation) => ({
  scheduled: id,
  issuer,
  issuedUntil: formatInstant(issuedUntil),
  reason,
});

/** Throws `not_found`, or `not_ready` for one that is over. What it has revoked stays so. */
export async function cancelScheduled(
  { revocation, scheduled }: SchedulePorts,
  by: By,
  id: string,
): Promise<ScheduledRevocation> {
  const found = scheduled.find(id);
  if (found === undefined)
    throw new ChanceryError('not_found', {
      message: 'there is no such scheduled revocation',
      rule: 'a scheduled revocation is known by its id',
      fix: 'See `chancery acme revocation list`.',
    });
  const now = revocation.clock.now();
  const cancelled = await scheduled.cancel(id, now, [
    { ...draftOf(by, now, 'revocation.cancelled'), details: detailsOf(found) },
  ]);
  const after = scheduled.find(id) ?? found;
  if (cancelled) return after;
  throw new ChanceryError('not_ready', {
    message: `the scheduled revocation is ${scheduledState(after, now)} already`,
    rule: 'what is over cannot be cancelled, and no revocation is taken back',
    fix: 'Issue new certificates where they are needed.',
  });
}

/** Carries out what is due; says how many certificates were revoked. */
export async function runScheduled(ports: SchedulePorts): Promise<number> {
  let count = 0;
  for (const one of ports.scheduled.due(ports.revocation.clock.now())) count += await carryOut(ports, one);
  return count;
}

const SERVER: Door = { name: 'internal', requestId: 'scheduled-revocation' };

async function carryOut({ revocation, scheduled }: SchedulePorts, one: ScheduledRevocation): Promise<number> {
  const { clock, pause } = revocation;
  let count = 0;
  for (const page of covered(revocation, one)) {
    // somebody may have called it off meanwhile
    if (scheduled.find(one.id)?.cancelledAt !== null) return count;
    const now = clock.now();
    const draft = {
      ...serverDraft(now),
      details: { rule: one.rule, scheduled: one.id, wantedBy: one.createdBy },
    };
    const orders = page.map((stored) => order(stored, one.reason, undefined, now, draft));
    const results = await record(revocation, orders, page, now);
    count += results.filter(({ result }) => result === 'revoked').length;
    await pause();
  }
  const now = clock.now();
  await scheduled.finish(one.id, now, count, [
    { ...serverDraft(now, 'revocation.executed'), details: { ...detailsOf(one), revoked: count } },
  ]);
  return count;
}

const serverDraft = (now: Instant, event?: 'revocation.executed') => ({
  ...draftOf({ principal: { kind: 'system', name: 'server' }, door: SERVER }, now, event),
});

/** Only over ACME: nobody else was told to renew. */
function* covered(
  { inventory, clock }: RevocationPorts,
  { issuer, issuedUntil }: ScheduledRevocation,
): Generator<readonly StoredCertificate[]> {
  let cursor: string | undefined;
  do {
    const page = inventory.search({ issuer, state: 'valid' }, clock.now(), CHUNK, cursor);
    const found = page.certificates.filter(
      ({ principal, issuedAt }) => principal.startsWith('acme:') && issuedAt <= issuedUntil,
    );
    if (found.length > 0) yield found;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
