/**
 * A process to be killed: eight clients record without end, and each answer is on stdout before the next request.
 * `recording-child.ts FILE FIRST [COMMIT_DELAY]`: the disk takes that many milliseconds more for each COMMIT.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/db/sqlite/index.ts';
import { auditDraft, certificateRecord } from '../../support/records.ts';
import { slowCommits } from './slow-commits.ts';

const [file = '', first = '0', delay = '0'] = process.argv.slice(2);

if (Number(delay) > 0) slowCommits(Number(delay));

const say = (line: string): void => void writeSync(1, `${line}\n`);
const log = { debug: () => undefined, info: say, warn: say, error: () => undefined };
const store = openStore({
  file,
  clock: { now: () => Date.now() },
  log,
  onFatal(error) {
    say(`fatal ${error.code}`);
    process.exit(7);
  },
});
say(`ready ${process.pid}`);

let next = Number(first);
async function client(): Promise<void> {
  for (;;) {
    const certificate = certificateRecord(next++);
    try {
      await store.ledger.record({
        certificate,
        audit: [auditDraft({ details: { serial: certificate.serial } })],
      });
      say(`answered ${certificate.serial}`);
    } catch (error) {
      say(`refused ${(error as { code?: string }).code}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
await Promise.all(Array.from({ length: 8 }, client));
