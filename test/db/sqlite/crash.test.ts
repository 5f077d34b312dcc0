import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { GENESIS, linkHash } from '../../../src/domain/audit/chain.ts';
import { certificateRecord } from '../../support/records.ts';
import { openTestStore, temporaryFile } from './test-store.ts';

const RECORDING = join(import.meta.dirname, 'recording-child.ts');
const REVOKING = join(import.meta.dirname, 'revoking-child.ts');

/** Starts the child and kills it after so many answers; what it had answered. */
async function killAfter(program: string, answers: number, file: string, first: number): Promise<string[]> {
  const child = spawn(process.execPath, [program, file, String(first), '25'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const answered: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, serial] = line.split(' ');
    if (word === 'answered' && serial !== undefined) answered.push(serial);
    // the lines of the pipe that come after are read as well: they were answers too
    if (answered.length === answers) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return answered;
}

test('kill -9 while commits are in flight loses nothing that was answered', { timeout: 30_000 }, async () => {
  const file = temporaryFile();
  const answered: string[] = [];
  for (const [round, answers] of [1, 5, 8, 17, 30].entries()) {
    answered.push(...(await killAfter(RECORDING, answers, file, round * 1000)));
    const store = openTestStore({ file });
    expect(answered.filter((serial) => store.ledger.findCertificate(serial) === undefined)).toEqual([]);
    // each certificate has its entry, and the chain goes on where it was
    const entries = store.audit.entries(1, 10_000);
    expect(entries).toHaveLength(store.inventory.count());
    let previous = GENESIS;
    for (const { body, hash } of entries) {
      expect(hash).toBe(linkHash(previous, body));
      previous = hash;
    }
    expect(store.other.pragma('integrity_check', { simple: true })).toBe('ok');
    store.other.close();
    await store.close();
  }
  expect(answered.length).toBeGreaterThanOrEqual(61);
  expect(new Set(answered).size).toBe(answered.length);
});

test(
  'kill -9 while certificates are revoked leaves each batch whole or not at all',
  { timeout: 30_000 },
  async () => {
    const file = temporaryFile();
    const answered: number[] = [];
    for (const [round, answers] of [1, 4, 9, 20].entries()) {
      answered.push(...(await killAfter(REVOKING, answers, file, round * 999)).map(Number));
      const store = openTestStore({ file });
      const revoked = (n: number): boolean =>
        store.revocations.find('servers-1', certificateRecord(n).serial) !== undefined;
      expect(answered.filter((n) => !revoked(n))).toEqual([]);
      // row, state of the certificate, blocked key and audit entry: all of a batch of three, or none
      const facts = (sql: string): unknown => store.other.prepare(sql).pluck().get();
      const count = facts('SELECT count(*) FROM revocations') as number;
      expect(count % 3).toBe(0);
      expect(facts('SELECT max(sequence) FROM revocations')).toBe(count);
      expect(facts('SELECT count(*) FROM certificates WHERE revoked_at IS NOT NULL')).toBe(count);
      expect(facts('SELECT count(*) FROM blocked_keys')).toBe(count);
      expect(facts('SELECT count(*) FROM audit_entries')).toBe(count);
      store.other.close();
      await store.close();
    }
    expect(new Set(answered).size).toBeGreaterThanOrEqual(34);
  },
);
