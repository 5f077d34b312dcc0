/** Words of the audit log: the log of record. Details never hold a secret. */
import type { Instant } from '../../base/clock.ts';

export const AUDIT_EVENTS = [
  'log.opened',
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
  'generation.activated',
  'generation.retired',
  'root.imported',
  'root.activated',
  'root.retired',
  'crl.issued',
  'crl.imported',
  'certificate.revoked',
  'key.blocked',
  'revocations.forgotten',
  'login',
  'request.refused',
  'requests.refused.anonymous',
  'grant.created',
  'grant.changed',
  'grant.deleted',
  'token.created',
  'token.revoked',
  'admin.recovered',
  'server.backed-up',
  'server.restored',
  'certificates.forgotten',
  'audit.exported',
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
