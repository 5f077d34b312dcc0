/** What is recorded, made up: no signature, but every field as it would be. */
import { createHash } from 'node:crypto';
import { DAY, type Instant } from '../../src/base/clock.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { Name } from '../../src/domain/identity/names.ts';
import type { GenerationFacts } from '../../src/domain/issuance/issuer.ts';
import type { CertificateRecord, IdempotencyClaim } from '../../src/domain/issuance/ports.ts';

export const NOON: Instant = Date.UTC(2026, 5, 1, 12);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The serial of the certificate number `n`. */
export const serialOf = (n: number): string => `40${digest(`serial ${n}`).slice(0, 30)}`;

export const dns = (value: string): Name => ({ kind: 'dns', value });

/** The certificate number `n`; no two of them share anything that has to be unique. */
export function certificateRecord(n: number, fields: Partial<CertificateRecord> = {}): CertificateRecord {
  return {
    serial: serialOf(n),
    generation: 'servers-1',
    issuer: 'servers',
    profile: 'server',
    principal: 'spiffe://example.test/chancery/admin',
    rule: 'builtin:admin',
    names: [dns(`host-${n}.example.test`)],
    notBefore: NOON - 60_000,
    notAfter: NOON + 7 * DAY,
    issuedAt: NOON,
    shard: n % 8,
    keyFingerprint: digest(`key ${n}`),
    fingerprint: digest(`certificate ${n}`),
    renews: null,
    owner: null,
    labels: {},
    der: Buffer.from(`not really DER ${n}`),
    ...fields,
  };
}

export function auditDraft(fields: Partial<AuditDraft> = {}): AuditDraft {
  return {
    time: NOON,
    event: 'certificate.issued',
    outcome: 'allowed',
    principal: 'spiffe://example.test/chancery/admin',
    door: 'rest',
    requestId: 'request-1',
    details: { issuer: 'servers' },
    ...fields,
  };
}

export function idempotencyClaim(fields: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return {
    principal: 'spiffe://example.test/app',
    key: 'key-1',
    requestHash: digest('request'),
    claimedAt: NOON,
    ...fields,
  };
}

export function generationFacts(fields: Partial<GenerationFacts> = {}): GenerationFacts {
  return {
    id: 'servers-1',
    issuer: 'servers',
    root: 'internal',
    number: 1,
    keyId: 'servers-1',
    certificate: Buffer.from('a certificate'),
    shards: 8,
    preparedAt: NOON,
    activatedAt: NOON,
    retiredAt: null,
    stopped: null,
    ...fields,
  };
}
