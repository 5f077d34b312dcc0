/** A SQLite store in a folder of the test's own, and a second connection to look behind it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { ChanceryError } from '../../../src/base/errors.ts';
import type { Log } from '../../../src/base/log.ts';
import { openStore, type Store, type StoreOptions } from '../../../src/db/sqlite/index.ts';
import type { TestStore } from '../../contract/store-backend.ts';
import { FakeClock } from '../../fakes/clock.ts';

export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface SqliteTestStore extends Store, TestStore {
  readonly file: string;
  /** What `onFatal` was called with. */
  readonly fatal: ChanceryError[];
  /** Another process, as it were. */
  readonly other: Database.Database;
}

/** In memory where there is such a file system: hundreds of small stores wait for a disk otherwise. */
const ROOM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function temporaryFile(): string {
  const folder = mkdtempSync(join(ROOM, 'chancery-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'chancery.db');
}

export function openTestStore(options: Partial<StoreOptions> = {}): SqliteTestStore {
  const file = options.file ?? temporaryFile();
  const fatal: ChanceryError[] = [];
  const store = openStore({
    clock: new FakeClock(),
    log: SILENT,
    onFatal: (error) => fatal.push(error),
    ...options,
    file,
  });
  const other = new Database(file);
  onTestFinished(async () => {
    other.close();
    await store.close();
  });
  return {
    ...store,
    file,
    fatal,
    other,
    revoke(serial, at, reason) {
      other
        .prepare('UPDATE certificates SET revoked_at = ?, revocation_reason = ? WHERE serial = ?')
        .run(at, reason, Buffer.from(serial, 'hex'));
    },
    block(keyFingerprint) {
      other
        .prepare('INSERT INTO blocked_keys (key_fingerprint, blocked_at) VALUES (?, 0)')
        .run(Buffer.from(keyFingerprint, 'hex'));
    },
  };
}
