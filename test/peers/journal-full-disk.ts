/** Run by journal-full-disk.test.ts: the journal on a file system of 128 KiB, the database elsewhere. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isChanceryError } from '../../src/base/errors.ts';
import { openStore } from '../../src/db/sqlite/index.ts';
import { FolderJournal, makeJournalFolder } from '../../src/journal/folder.ts';
import { systemClock, systemRandom } from '../../src/server/world.ts';
import { auditDraft, certificateRecord } from '../support/records.ts';

const [small = '', large = ''] = process.argv.slice(2);
const folder = join(small, 'journal');
const ballast = join(small, 'ballast');
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
writeFileSync(ballast, Buffer.alloc(64 * 1024));
makeJournalFolder(folder);
const opening = () => FolderJournal.open({ folder, clock: systemClock, random: systemRandom(), log });
const journal = opening();
journal.append({
  records: [],
  opened: { format: 1, trustDomain: 'example.test', key: 'ab'.repeat(32), audit: { sequence: 0, hash: '' } },
});
const store = openStore({ file: join(large, 'chancery.db'), clock: systemClock, log, onFatal: quiet });
store.journal.attach(journal);

let answered = 0;
let refused = 0;
let reason = '';
let slowest = 0;
for (let n = 1; n <= 400; n += 1) {
  const before = performance.now();
  try {
    await store.ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] });
    answered += 1;
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    refused += 1;
    reason = `${error.code}: ${error.message}`;
  }
  slowest = Math.max(slowest, performance.now() - before);
}
const red = !store.health().ok;
rmSync(ballast);
await store.probe();
const green = store.health().ok;
await store.ledger.record({ certificate: certificateRecord(1000), audit: [auditDraft()] });
const recorded = store.inventory.count();
await store.close();
let journaled = 0;
for await (const { records } of opening().lines(1)) journaled += records.length;
console.log(
  JSON.stringify({ answered, refused, reason, red, green, recorded, journaled, slow: slowest > 2000 }),
);
