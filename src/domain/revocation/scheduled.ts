/** Revocations that wait: of what ACME clients were asked to replace, once all of them have been told (RFC 9773 4.2). */
import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { LeafReason } from './reasons.ts';

/** What is revoked is what an issuer made over ACME up to a moment. */
export interface ScheduledRevocation {
  readonly id: string;
  readonly issuer: string;
  /** Certificates that were issued up to here. */
  readonly issuedUntil: Instant;
  readonly reason: LeafReason;
  /** Not before. */
  readonly dueAt: Instant;
  /** Who wanted it, and the grant that allowed it then. */
  readonly createdBy: string;
  readonly rule: string;
  readonly createdAt: Instant;
  readonly cancelledAt: Instant | null;
  readonly doneAt: Instant | null;
  /** How many were revoked in the end; after a crash, since then. */
  readonly revoked: number | null;
}

export type ScheduledState = 'waiting' | 'running' | 'done' | 'cancelled';

export function scheduledState(
  { cancelledAt, doneAt, dueAt }: Pick<ScheduledRevocation, 'cancelledAt' | 'doneAt' | 'dueAt'>,
  now: Instant,
): ScheduledState {
  if (cancelledAt !== null) return 'cancelled';
  if (doneAt !== null) return 'done';
  return dueAt <= now ? 'running' : 'waiting';
}

/** Every change is durable, together with its audit entries, when it resolves. */
export interface ScheduledRevocationStore {
  add(one: ScheduledRevocation, audit: readonly AuditDraft[]): Promise<void>;
  find(id: string): ScheduledRevocation | undefined;
  /** Newest first. */
  list(limit: number): readonly ScheduledRevocation[];
  /** Those that are neither done nor cancelled and are due, in the order of their time. */
  due(now: Instant): readonly ScheduledRevocation[];
  /** False for one that is done or cancelled already, or is not there: nothing is recorded. */
  cancel(id: string, at: Instant, audit: readonly AuditDraft[]): Promise<boolean>;
  /** False for one that is done or cancelled already: nothing is recorded. */
  finish(id: string, at: Instant, revoked: number, audit: readonly AuditDraft[]): Promise<boolean>;
}
