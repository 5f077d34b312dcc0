/** Words of the audit log: the log of record. Details never hold a secret. */
import type { Instant } from '../../base/clock.ts';

export const AUDIT_EVENTS = [
  'log.opened',
  'log.segment.opened',
  'server.started',
  'server.stopped',
  'authority.initialized',
  'ca.certificate.issued',
  'certificate.issued',
  'certificate.renewed',
  'certificate.refused',
  'certificate.discarded',
  'private-key.released',
  'issuer.stopped',
  'generation.requested',
  'generation.imported',
  'generation.history-imported',
  'generation.activated',
  'generation.retired',
  'generation.revoked',
  'root.imported',
  'root.activated',
  'root.retired',
  'crl.issued',
  'crl.imported',
  'crl.refused',
  'crl.mended',
  'crl.clock.accepted',
  'certificate.revoked',
  'key.blocked',
  'revocations.forgotten',
  'revocation.scheduled',
  'revocation.cancelled',
  'revocation.executed',
  'login',
  'request.refused',
  'requests.refused.anonymous',
  'grant.created',
  'grant.changed',
  'grant.deleted',
  'token.created',
  'token.revoked',
  'acme.account.created',
  'acme.account.changed',
  'acme.account.key-changed',
  'acme.account.deactivated',
  'acme.authorization.deactivated',
  'acme.challenge.validated',
  'acme.challenge.failed',
  'acme.name.preauthorized',
  'acme.key.created',
  'acme.key.revoked',
  'acme.window.moved',
  'admin.recovered',
  'server.backed-up',
  'server.restored',
  'certificates.forgotten',
  'audit.exported',
  'journal.opened',
  'journal.left',
  'journal.replayed',
  'journal.accepted',
  'authority.applied',
  'authority.removed',
  'authority.account.created',
  'authority.account.registered',
  'managed.applied',
  'managed.removed',
  'managed.asked',
  'managed.paused',
  'managed.resumed',
  'managed.started',
  'managed.issued',
  'managed.order-failed',
  'managed.delivered',
  'managed.delivery-failed',
  'managed.staged',
  'managed.verified',
  'managed.current',
  'managed.not-served',
  'managed.degraded',
  'managed.rolled-back',
  'managed.retired',
  'managed.revoked',
  'clock.alarm',
  'clock.accepted',
] as const;
export type AuditEvent = (typeof AUDIT_EVENTS)[number];

export type Outcome = 'allowed' | 'refused' | 'failed';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What a room reports; the log adds sequence number and chain. */
export interface AuditDraft {
  readonly time: Instant;
  readonly event: AuditEvent;
  readonly outcome: Outcome;
  /** Canonical id of the principal. */
  readonly principal: string;
  readonly door: string;
  readonly requestId: string;
  readonly address?: string;
  readonly details: { readonly [key: string]: Json };
}

/** One link of the chain. */
export interface AuditEntry {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Canonical JSON of everything but the hash (see `canonical.ts`). */
  readonly body: string;
  /** SHA-256 over the previous hash and the body, hexadecimal. */
  readonly hash: string;
}
