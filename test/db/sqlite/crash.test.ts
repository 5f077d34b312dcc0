import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { GENESIS, linkHash } from '../../../src/domain/audit/chain.ts';
import { openTestStore, temporaryFile } from './test-store.ts';

const CHILD = join(import.meta.dirname, 'recording-child.ts');

/** Starts the child and kills it after so many answers; the serials that it had answered. */
async function killAfter(answers: number, file: string, first: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, file, String(first), '25'], {
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
    answered.push(...(await killAfter(answers, file, round * 1000)));
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
