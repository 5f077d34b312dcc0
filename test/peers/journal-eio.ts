/** Run by journal-full-disk.test.ts under strace, where fdatasync fails from some call on. */
import { FolderJournal, makeJournalFolder } from '../../src/journal/folder.ts';
import { JournalFailure } from '../../src/domain/revocation/journal.ts';
import { systemClock, systemRandom } from '../../src/server/world.ts';

const [folder = ''] = process.argv.slice(2);
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
makeJournalFolder(folder);
const journal = FolderJournal.open({ folder, clock: systemClock, random: systemRandom(), log });
const outcomes: string[] = [];
for (let n = 0; n < 6; n += 1)
  try {
    journal.append({ records: [] });
    outcomes.push('taken');
  } catch (error) {
    if (!(error instanceof JournalFailure)) throw error;
    outcomes.push(error.fatal && error.message.includes('EIO') ? 'over' : error.message);
  }
console.log(JSON.stringify(outcomes));
