/** A record of the journal as JSON, there and back. Reading is strict: what is not as it was written is `undefined`. */
import type { CrlReason } from '../../x509/crl.ts';
import { CRL_REASONS } from '../../x509/crl.ts';
import type { CrlScope, JournalRecord } from './ports.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Numbers of CRLs are text: they go beyond what JSON's numbers hold. */
export function writeRecord(record: JournalRecord): Plain {
  return record.kind === 'crl' ? { ...record, number: String(record.number) } : { ...record };
}

export function readRecord(value: unknown): JournalRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const plain = value as Plain;
  if (plain['kind'] === 'blocked') return readBlocked(plain);
  if (!isName(plain['generation'])) return undefined;
  switch (plain['kind']) {
    case 'issued':
      return readIssued(plain);
    case 'revoked':
      return readRevoked(plain);
    case 'crl':
      return readCrl(plain);
    default:
      return undefined;
  }
}

function readIssued({ generation, serial, shard, notAfter }: Plain): JournalRecord | undefined {
  if (!isSerial(serial) || !isWhole(shard) || !isWhole(notAfter)) return undefined;
  return { kind: 'issued', generation: generation as string, serial, shard, notAfter };
}

function readRevoked(plain: Plain): JournalRecord | undefined {
  const { generation, serial, shard, notAfter, revokedAt, recordedAt, reason, blockKey } = plain;
  const sound = isSerial(serial) && isWhole(shard) && isReason(reason) && isBlock(blockKey);
  if (!sound || !isWhole(notAfter) || !isWhole(revokedAt) || !isWhole(recordedAt)) return undefined;
  return {
    kind: 'revoked',
    ...{ generation: generation as string, serial, shard, notAfter },
    ...{ revokedAt, recordedAt, reason, blockKey },
  };
}

function readCrl({ generation, scope, number, thisUpdate }: Plain): JournalRecord | undefined {
  if (typeof number !== 'string' || !/^(?:0|[1-9]\d{0,49})$/.test(number)) return undefined;
  if (!isScope(scope) || !isWhole(thisUpdate)) return undefined;
  return { kind: 'crl', generation: generation as string, scope, number: BigInt(number), thisUpdate };
}

function readBlocked({ key, blockedAt }: Plain): JournalRecord | undefined {
  return typeof key === 'string' && isBlock(key) && isWhole(blockedAt)
    ? { kind: 'blocked', key, blockedAt }
    : undefined;
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,99}$/.test(value);
const isSerial = (value: unknown): value is string =>
  typeof value === 'string' && /^(?:[0-9a-f]{2}){1,21}$/.test(value);
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isScope = (value: unknown): value is CrlScope => value === 'full' || isWhole(value);
const isReason = (value: unknown): value is CrlReason => (CRL_REASONS as readonly unknown[]).includes(value);
const isBlock = (value: unknown): value is string | null =>
  value === null || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value));
