/**
 * A process to be killed: it revokes batch after batch without end, and each answer is on stdout before the next
 * request. `revoking-child.ts FILE FIRST COMMIT_DELAY`: the disk takes that many milliseconds more for each COMMIT.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/db/sqlite/index.ts';
import type { RevocationOrder } from '../../../src/domain/revocation/ports.ts';
import { auditDraft, certificateRecord, NOON } from '../../support/records.ts';
import { slowCommits } from './slow-commits.ts';

const [file = '', first = '0', delay = '0'] = process.argv.slice(2);
slowCommits(Number(delay));

const say = (line: string): void => void writeSync(1, `${line}\n`);
const log = { debug: () => undefined, info: say, warn: say, error: () => undefined };
const store = openStore({ file, clock: { now: () => Date.now() }, log, onFatal: () => process.exit(7) });

const BATCH = 3;

/** Certificate `n`, whose key is blocked with it. */
function order(n: number): RevocationOrder {
  const { serial, generation, shard, notAfter, keyFingerprint } = certificateRecord(n);
  return {
    revocation: { serial, generation, shard, notAfter, revokedAt: NOON, reason: 'keyCompromise' },
    blockKey: keyFingerprint,
    audit: [auditDraft({ event: 'certificate.revoked', details: { serial } })],
  };
}

let next = Number(first);
async function client(): Promise<void> {
  for (;;) {
    const numbers = Array.from({ length: BATCH }, () => next++);
    for (const n of numbers) await store.ledger.record({ certificate: certificateRecord(n), audit: [] });
    await store.revocations.revoke(numbers.map(order), NOON);
    for (const n of numbers) say(`answered ${n}`);
  }
}
await Promise.all(Array.from({ length: 6 }, client));
