/**
 * The store on disks that are full, read-only, slow or broken (the rows D1 to D4 of our fault list). strace(1) injects
 * the errors; mounting needs root. What it showed: a full tmpfs gives SQLITE_FULL; a write that fails with EROFS or EIO
 * gives SQLITE_IOERR_WRITE; the kernel refuses to make a file system read-only while a store is open on it; this SQLite
 * syncs with fsync, not fdatasync, and a failed one gives SQLITE_IOERR_FSYNC.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ChanceryError } from '../../src/base/errors.ts';
import { openTestStore, temporaryFile } from '../db/sqlite/test-store.ts';
import { refusalOf } from '../support/errors.ts';
import { auditDraft, certificateRecord, serialOf } from '../support/records.ts';

const CHILD = join(import.meta.dirname, '../db/sqlite/recording-child.ts');

interface Run {
  readonly answered: readonly string[];
  readonly lines: readonly string[];
  readonly status: number | null;
}

/** Runs the recording child under strace; `seen` may end it. */
async function traced(
  file: string,
  options: readonly string[],
  seen: (lines: readonly string[]) => boolean = () => false,
  first = 0,
): Promise<Run> {
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync,pwrite64', ...options];
  const child = spawn('strace', [...strace, process.execPath, CHILD, file, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  let pid = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith('ready ')) pid = Number(line.slice('ready '.length));
    if (pid > 0 && seen(lines)) {
      process.kill(pid, 'SIGKILL');
      pid = -1;
    }
  }
  const answered = lines.flatMap((line) =>
    line.startsWith('answered ') ? [line.slice('answered '.length)] : [],
  );
  return { answered, lines, status: await exited };
}

/** A store with its schema, closed again: what follows under strace is work, not setting up. */
async function prepared(): Promise<string> {
  const file = temporaryFile();
  const store = openTestStore({ file });
  store.other.close();
  await store.close();
  return file;
}

async function missing(file: string, answered: readonly string[]): Promise<string[]> {
  const store = openTestStore({ file });
  const gone = answered.filter((serial) => store.ledger.findCertificate(serial) === undefined);
  expect(store.other.pragma('integrity_check', { simple: true })).toBe('ok');
  store.other.close();
  await store.close();
  return gone;
}

describe('an fsync that fails', () => {
  test('ends the store at once: nobody is answered after it, and the process exits non-zero', async () => {
    const file = await prepared();
    const { answered, lines, status } = await traced(file, [
      '-e',
      'inject=fsync,fdatasync:error=EIO:when=20+',
    ]);
    expect(status).toBe(7);
    expect(answered.length).toBeGreaterThan(50);
    const failed = lines.findIndex((line) => line.startsWith('refused'));
    expect(lines.slice(failed).filter((line) => !line.startsWith('refused'))).toEqual([
      'fatal store_unavailable',
    ]);
    expect(await missing(file, answered)).toEqual([]);
  });

  test('once is enough: it is not tried again', async () => {
    const file = await prepared();
    const { lines, status } = await traced(file, ['-e', 'inject=fsync,fdatasync:error=EIO:when=20']);
    expect(status).toBe(7);
    expect(lines.at(-1)).toBe('fatal store_unavailable');
  });

  test('ends the store also while the log is moved into the database file', async () => {
    const file = await prepared();
    const { answered, status } = await traced(file, [
      '-P',
      file,
      '-e',
      'inject=fsync,fdatasync:error=EIO:when=1+',
    ]);
    expect(status).toBe(7);
    expect(answered.length).toBeGreaterThan(300);
    expect(await missing(file, answered)).toEqual([]);
  });
});

describe('writes that fail', () => {
  test.each(['EROFS', 'EIO', 'ENOSPC', 'EDQUOT', 'EFBIG', 'EPERM'])(
    'with %s refuse what they hit, and heal by themselves',
    async (error) => {
      const file = await prepared();
      const inject = `inject=pwrite64:error=${error}:when=500..520`;
      const { answered, lines } = await traced(file, ['-e', inject], (seen) => seen.length >= 400);
      const refused = lines.filter((line) => line.startsWith('refused'));
      expect(new Set(refused)).toEqual(new Set(['refused store_unavailable']));
      const last = lines.findLastIndex((line) => line.startsWith('refused'));
      expect(lines.slice(last).filter((line) => line.startsWith('answered')).length).toBeGreaterThan(50);
      expect(lines).toContain('the store takes records again');
      expect(lines.filter((line) => line.startsWith('fatal'))).toEqual([]);
      expect(await missing(file, answered)).toEqual([]);
    },
  );
});

test('kill -9 while every fsync takes 30 ms loses nothing that was answered', async () => {
  const file = await prepared();
  const answered: string[] = [];
  for (let round = 0; round < 12; round++) {
    const delay = ['-e', 'inject=fsync,fdatasync:delay_enter=30000'];
    const enough = 3 + 7 * (round % 5);
    const run = await traced(
      file,
      delay,
      (lines) => lines.filter((line) => line.startsWith('answered')).length >= enough,
      round * 1000,
    );
    answered.push(...run.answered);
  }
  expect(answered.length).toBeGreaterThan(150);
  expect(new Set(answered).size).toBe(answered.length);
  expect(await missing(file, answered)).toEqual([]);
});

describe.skipIf(process.getuid?.() !== 0)('a small file system', () => {
  function mounted(size: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'chancery-disk-'));
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder);
    onTestFinished(() => {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    });
    return folder;
  }

  test('that is full refuses records and loses none, and takes them again when there is room', async () => {
    const folder = mounted('3m');
    const store = openTestStore({
      file: join(folder, 'a.db'),
    });
    const { ledger, inventory, audit, fatal, file } = store;
    const answered: number[] = [];
    const refusals: unknown[] = [];
    for (let n = 0; refusals.length < 20; n++) {
      try {
        await ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] });
        answered.push(n);
      } catch (error) {
        refusals.push(error);
      }
    }
    for (const refusal of refusals)
      expect(refusal).toMatchObject({ code: 'store_unavailable', detail: { retryAfter: 5 } });
    expect(store.health()).toMatchObject({ ok: false, reason: expect.stringContaining('SQLITE_FULL') });
    await expect(store.probe()).rejects.toBeInstanceOf(ChanceryError);
    // reads go on
    expect(answered.filter((n) => ledger.findCertificate(serialOf(n)) === undefined)).toEqual([]);
    expect(inventory.count()).toBe(answered.length);
    expect(audit.last()?.sequence).toBe(answered.length);

    mount('-o', 'remount,size=64m', folder);
    await store.probe();
    expect(store.health()).toEqual({ ok: true });
    await ledger.record({ certificate: certificateRecord(100_000), audit: [auditDraft()] });
    expect(audit.last()?.sequence).toBe(answered.length + 1);
    expect(fatal).toEqual([]);
    expect(await missing(file, answered.map(serialOf))).toEqual([]);
  });

  test('that somebody else filled heals when that is gone', async () => {
    const folder = mounted('16m');
    const store = openTestStore({ file: join(folder, 'a.db') });
    const record = (n: number): Promise<unknown> =>
      store.ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] });
    await record(1);
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
    await expect(record(2)).rejects.toMatchObject({ code: 'store_unavailable' });
    rmSync(join(folder, 'filler'));
    await store.probe();
    expect(store.health()).toEqual({ ok: true });
    await record(2);
  });

  test('that is full from the beginning cannot be opened, and says why', () => {
    const folder = mounted('64k');
    writeFileSync(join(folder, 'filler'), Buffer.alloc(48 * 1024));
    const { code, message } = refusalOf(() => openTestStore({ file: join(folder, 'a.db') }));
    expect(code).toBe('store_unavailable');
    expect(message).toMatch(/full|SQLITE_/);
  });

  test('that is read-only cannot be opened, and says why', async () => {
    const folder = mounted('16m');
    const file = join(folder, 'a.db');
    const store = openTestStore({ file });
    // as long as a store is open on it, the kernel lets nobody make it read-only
    expect(spawnSync('mount', ['-o', 'remount,ro', folder]).status).not.toBe(0);
    store.other.close();
    await store.close();
    mount('-o', 'remount,ro', folder);
    const { code, message } = refusalOf(() => openTestStore({ file }));
    expect(code).toBe('store_unavailable');
    expect(message).toContain('EROFS');
    mount('-o', 'remount,rw', folder);
    await openTestStore({ file }).probe();
  });
});

function mount(...parameters: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${parameters.join(' ')}: ${stderr}`);
}
