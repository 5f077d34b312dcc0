/** Idempotency-Keys: who claims one first has it, until it is pruned. */
import type { Statement } from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import { toHex } from '../../x509/bytes.ts';
import type { IdempotencyClaim } from '../../domain/issuance/ports.ts';
import { octets } from './octets.ts';
import type { Rooms } from './rooms.ts';

/** What a key stands for. */
export interface ClaimHolder {
  readonly serial: string;
  readonly requestHash: string;
}

export interface Claims {
  /** Inside a job: claims the key, or says who holds it. */
  claim(claim: IdempotencyClaim, serial: string): ClaimHolder | undefined;
  find(principal: string, key: string): ClaimHolder | undefined;
  /** Forgets those of before, one batch at most; says how many. */
  prune(before: Instant): Promise<number>;
}

/** Some milliseconds, in which others wait: a busy hour leaves millions. */
export const PRUNED_AT_ONCE = 1000;

interface HolderRow {
  readonly serial: Buffer;
  readonly request_hash: Buffer;
}

export function openClaims({ database, writer }: Rooms): Claims {
  const insert: Statement = database.prepare(
    `INSERT INTO idempotency_claims (principal, key, request_hash, serial, claimed_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const select: Statement<[string, string], HolderRow> = database.prepare(
    'SELECT serial, request_hash FROM idempotency_claims WHERE principal = ? AND key = ?',
  );
  const remove: Statement<[number, number]> = database.prepare(
    `DELETE FROM idempotency_claims WHERE (principal, key) IN (
       SELECT principal, key FROM idempotency_claims INDEXED BY idempotency_claims_claimed_at
       WHERE claimed_at < ? LIMIT ?)`,
  );

  const holder = (principal: string, key: string): ClaimHolder | undefined => {
    const row = select.get(principal, key);
    return row && { serial: toHex(row.serial), requestHash: toHex(row.request_hash) };
  };
  return {
    claim({ principal, key, requestHash, claimedAt }, serial) {
      const { changes } = insert.run(principal, key, octets(requestHash), octets(serial), claimedAt);
      return changes === 1 ? undefined : holder(principal, key);
    },
    find: (principal, key) => writer.read(() => holder(principal, key)),
    prune: (before) => writer.write(() => remove.run(before, PRUNED_AT_ONCE).changes),
  };
}
