/** Places for journals of tests: a folder in memory, a bucket in memory. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FolderJournal, makeJournalFolder } from '../../src/journal/folder.ts';
import { BucketJournal } from '../../src/journal/s3.ts';
import { S3Client } from '../../src/s3/client.ts';
import { systemRandom } from '../../src/server/world.ts';
import type { JournalPlace } from '../contract/journal.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeS3 } from '../fakes/s3-server.ts';

const ROOM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface FolderPlace extends JournalPlace {
  readonly folder: string;
  open(from?: number, segmentSize?: number): Promise<FolderJournal>;
  segments(): string[];
}

export function folderPlace(): FolderPlace {
  const parent = mkdtempSync(join(ROOM, 'chancery-journal-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, 'journal');
  const segments = (): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => join(folder, name));
  return {
    folder,
    segments,
    open: async (_from, segmentSize) => {
      makeJournalFolder(folder);
      return FolderJournal.open({
        ...{ folder, clock: new FakeClock(), random: systemRandom(), log: SILENT },
        ...(segmentSize !== undefined && { segmentSize }),
      });
    },
    tamper(sequence, change) {
      const [path = ''] = segments();
      const lines = readFileSync(path, 'utf8').split('\n');
      const changed = change(lines[sequence - 1] ?? '');
      lines.splice(sequence - 1, 1, ...(changed === undefined ? [] : [changed]));
      writeFileSync(path, lines.join('\n'));
    },
  };
}

export interface BucketPlace extends JournalPlace {
  readonly server: FakeS3;
  open(from?: number, timeout?: number): Promise<BucketJournal>;
}

export const keyOf = (sequence: number): string => `journal/${String(sequence).padStart(16, '0')}.json`;

export async function bucketPlace(): Promise<BucketPlace> {
  const server = await FakeS3.start('bucket', 3);
  onTestFinished(() => server.stop());
  return {
    server,
    open: (from = 1, timeout = 2000) =>
      BucketJournal.open({
        client: new S3Client({
          ...{ bucket: 'bucket', region: 'eu-central-1', endpoint: server.endpoint, timeout },
          credentials: () => ({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined }),
          clock: new FakeClock(),
        }),
        ...{ prefix: 'journal/', clock: new FakeClock(), random: systemRandom(), from },
      }),
    tamper(sequence, change) {
      const changed = change((server.objects.get(keyOf(sequence)) ?? '').toString().trimEnd());
      if (changed === undefined) server.objects.delete(keyOf(sequence));
      else server.objects.set(keyOf(sequence), Buffer.from(`${changed}\n`));
    },
  };
}
