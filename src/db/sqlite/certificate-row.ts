/** A certificate as a row, there and back. */
import { toHex } from '../../x509/bytes.ts';
import type { Name } from '../../domain/identity/names.ts';
import { hasLabels, type Labels, NO_LABELS } from '../../domain/issuance/labels.ts';
import type { CertificateRecord, StoredCertificate } from '../../domain/issuance/ports.ts';
import { octets } from './octets.ts';

export interface CertificateRow {
  readonly id: number;
  readonly serial: Buffer;
  readonly fingerprint: Buffer;
  readonly key_fingerprint: Buffer;
  readonly generation: string;
  readonly issuer: string;
  readonly profile: string;
  readonly principal: string;
  readonly rule: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly issued_at: number;
  readonly shard: number;
  readonly renews: Buffer | null;
  readonly revoked_at: number | null;
  readonly revocation_reason: number | null;
  readonly presented_at: number | null;
  readonly names: string;
  readonly der: Buffer;
  readonly owner: string | null;
  readonly labels: string | null;
}

const INSERTED = [
  'serial',
  'fingerprint',
  'key_fingerprint',
  'generation',
  'issuer',
  'profile',
  'principal',
  'rule',
  'not_before',
  'not_after',
  'issued_at',
  'shard',
  'renews',
  'names',
  'der',
  'owner',
  'labels',
] as const satisfies (keyof CertificateRow)[];

export const INSERT_CERTIFICATE = `INSERT INTO certificates (${INSERTED.join(', ')}) VALUES (${INSERTED.map(() => '?').join(', ')})`;

/** In the order of `INSERT_CERTIFICATE`. */
export const certificateParameters = (record: CertificateRecord): unknown[] => [
  octets(record.serial),
  octets(record.fingerprint),
  octets(record.keyFingerprint),
  record.generation,
  record.issuer,
  record.profile,
  record.principal,
  record.rule,
  record.notBefore,
  record.notAfter,
  record.issuedAt,
  record.shard,
  record.renews === null ? null : octets(record.renews),
  JSON.stringify(record.names.map(({ kind, value }) => [kind, value])),
  record.der,
  record.owner,
  hasLabels(record.labels) ? JSON.stringify(record.labels) : null,
];

export function readCertificateRow(row: CertificateRow): StoredCertificate {
  const names = JSON.parse(row.names) as [Name['kind'], string][];
  return {
    serial: toHex(row.serial),
    generation: row.generation,
    issuer: row.issuer,
    profile: row.profile,
    principal: row.principal,
    rule: row.rule,
    names: names.map(([kind, value]) => ({ kind, value })),
    notBefore: row.not_before,
    notAfter: row.not_after,
    issuedAt: row.issued_at,
    shard: row.shard,
    keyFingerprint: toHex(row.key_fingerprint),
    fingerprint: toHex(row.fingerprint),
    renews: row.renews === null ? null : toHex(row.renews),
    der: row.der,
    owner: row.owner,
    labels: row.labels === null ? NO_LABELS : (JSON.parse(row.labels) as Labels),
    revokedAt: row.revoked_at,
    revocationReason: row.revocation_reason,
    presentedAt: row.presented_at,
  };
}
