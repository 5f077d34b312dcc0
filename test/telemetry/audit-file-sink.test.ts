import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SECOND } from '../../src/base/clock.ts';
import { isChanceryError } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import { EMPTY_CHAIN } from '../../src/domain/audit/chain.ts';
import { PreparedHead } from '../../src/domain/audit/heads.ts';
import type { AuditReport } from '../../src/domain/audit/report.ts';
import { AuditFileSink } from '../../src/telemetry/audit-file-sink.ts';
import type { MemoryAuditLog } from '../fakes/audit-log.ts';
import { draft, makeLog, NOON, SIGNER, verify } from '../domain/audit/audit-fixtures.ts';

let folder: string;
let path: string;
let said: string[];
const open: AuditFileSink[] = [];
const descriptors: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-sink-'));
  path = join(folder, 'audit.jsonl');
  said = [];
});

afterEach(() => {
  for (const sink of open.splice(0)) sink.close();
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const log: Log = {
  debug: (message) => said.push(`debug ${message}`),
  info: (message) => said.push(`info ${message}`),
  warn: (message) => said.push(`warn ${message}`),
  error: (message) => said.push(`error ${message}`),
};

function makeSink(source: MemoryAuditLog, at = path, required = true): AuditFileSink {
  const sink = new AuditFileSink({
    path: at,
    required,
    source,
    trustDomain: 'example.test',
    keyId: SIGNER.keyId,
    log,
  });
  open.push(sink);
  return sink;
}

const grow = (source: MemoryAuditLog, count = 1): number => {
  for (let i = 0; i < count; i++) source.append(draft((source.last()?.sequence ?? 0) + 1));
  return source.last()?.sequence ?? 0;
};

const shipAll = (sink: AuditFileSink, source: MemoryAuditLog): void =>
  sink.ship(source.last()?.sequence ?? 0);
const copy = (at = path): AuditReport => verify(readFileSync(at));

/** The message of the refusal, which must come within the two seconds of reliability D5 (and far sooner). */
function refusal(act: () => void): string {
  const before = performance.now();
  try {
    act();
  } catch (error) {
    if (!isChanceryError(error) || error.code !== 'audit_unavailable') throw error;
    expect(performance.now() - before).toBeLessThan(2000);
    return error.message;
  }
  throw new Error('nothing was refused');
}

describe('the copy in a file', () => {
  it('is a file of mode 0600 that verifies with the audit key', () => {
    const source = makeLog(40, 9);
    shipAll(makeSink(source), source);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(copy()).toMatchObject({
      verdict: 'good',
      form: 'copy',
      trustDomain: 'example.test',
      entries: 40,
      lastHead: { sequence: 36 },
      uncovered: 4,
    });
  });

  it('grows entry by entry, and gets a head that was signed after its entry was copied', () => {
    const source = makeLog(3, 100);
    const sink = makeSink(source);
    shipAll(sink, source);
    sink.ship(grow(source));
    const prepared = PreparedHead.of(source.last() ?? EMPTY_CHAIN, undefined, NOON);
    sink.ship(grow(source));
    void source.addHead(SIGNER.sign(prepared));
    sink.ship(5);
    expect(copy()).toMatchObject({ verdict: 'good', entries: 5, lastHead: { sequence: 4 } });
  });

  it('goes on after a restart where it stopped', () => {
    const source = makeLog(20, 9);
    shipAll(makeSink(source), source);
    for (let restart = 0; restart < 5; restart++) {
      if (restart % 2 === 0) source.seal(SIGNER, NOON + restart * SECOND);
      grow(source, 3);
      shipAll(makeSink(source), source);
      expect(copy()).toMatchObject({ verdict: 'good', entries: 23 + 3 * restart });
    }
  });

  it.each([1, 7, 60, 200, 4000])('repairs a last line that was torn %i octets before its end', (octets) => {
    const source = makeLog(20, 9);
    shipAll(makeSink(source), source);
    truncateSync(path, Math.max(3, statSync(path).size - octets));
    grow(source, 2);
    shipAll(makeSink(source), source);
    expect(copy()).toMatchObject({ verdict: 'good', entries: 22 });
  });

  it('begins again where only a torn header is', () => {
    const source = makeLog(5);
    writeFileSync(path, '{"type":"chancery-audit","ver');
    shipAll(makeSink(source), source);
    expect(copy()).toMatchObject({ verdict: 'good', entries: 5 });
  });

  it('follows a rotation: the new file says what came before it', () => {
    const source = makeLog(20, 9);
    const sink = makeSink(source);
    shipAll(sink, source);
    renameSync(path, `${path}.1`);
    sink.ship(grow(source, 5));
    expect(copy(`${path}.1`)).toMatchObject({ verdict: 'good', entries: 20 });
    expect(copy()).toMatchObject({ verdict: 'good', first: 21, entries: 5 });
    truncateSync(path, 0);
    sink.ship(grow(source, 5));
    expect(copy()).toMatchObject({ verdict: 'good', first: 26, entries: 5 });
  });

  it('never writes into a file that holds something else', () => {
    const source = makeLog(5);
    for (const foreign of [
      'root:x:0:0::/root:/bin/sh\n',
      'no line feed',
      '{"type":"entry"}\n',
      '{"type":"chancery-audit"}\n',
    ]) {
      writeFileSync(path, foreign);
      expect(refusal(() => shipAll(makeSink(source), source))).toContain('something that is not a copy');
      expect(readFileSync(path, 'utf8')).toBe(foreign);
    }
  });

  it('refuses the copy of another log, or one that is ahead of the database', () => {
    const source = makeLog(10);
    shipAll(makeSink(source), source);
    const before = readFileSync(path);
    const older = makeLog(8);
    expect(refusal(() => shipAll(makeSink(older), older))).toContain('the database is older than its copy');
    const other = makeLog(9);
    other.append(draft(99));
    grow(other, 5);
    expect(refusal(() => shipAll(makeSink(other), other))).toContain('the copy of another log');
    expect(readFileSync(path)).toEqual(before);
  });

  it('does not follow a symbolic link', () => {
    const source = makeLog(2);
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, '');
    symlinkSync(elsewhere, path);
    expect(refusal(() => shipAll(makeSink(source), source))).toContain('ELOOP');
    expect(readFileSync(elsewhere, 'utf8')).toBe('');
  });

  it('catches up with a long log a turn at a time', async () => {
    const source = makeLog(30_000, 1000);
    const sink = makeSink(source);
    expect(refusal(() => shipAll(sink, source))).toContain('is catching up');
    await vi.waitFor(() => sink.check(), { timeout: 15_000, interval: 20 });
    expect(copy()).toMatchObject({ verdict: 'good', entries: 30_000, lastHead: { sequence: 30_000 } });
    expect(said).toEqual([
      expect.stringContaining('is catching up'),
      expect.stringContaining('accepts entries again'),
    ]);
  });
});

describe('a required sink that does not accept (D5)', () => {
  it('refuses when the device is full', () => {
    const source = makeLog(5);
    const sink = makeSink(source, '/dev/full');
    expect(refusal(() => sink.ship(grow(source)))).toContain('ENOSPC');
    expect(refusal(() => sink.check())).toContain('ENOSPC');
    expect(said).toHaveLength(1);
  });

  it('refuses while the folder is missing, and heals by itself when it is there', () => {
    const source = makeLog(5);
    const within = join(folder, 'later', 'audit.jsonl');
    const sink = makeSink(source, within);
    expect(refusal(() => shipAll(sink, source))).toContain('ENOENT');
    mkdirSync(join(folder, 'later'));
    sink.check();
    expect(copy(within)).toMatchObject({ verdict: 'good', entries: 5 });
    rmSync(join(folder, 'later'), { recursive: true });
    expect(refusal(() => sink.ship(grow(source)))).toContain('ENOENT');
    mkdirSync(join(folder, 'later'));
    sink.ship(grow(source));
    expect(copy(within)).toMatchObject({ verdict: 'good', first: 6, entries: 2 });
  });

  it('refuses when a folder is where the file should be', () => {
    const source = makeLog(5);
    mkdirSync(path);
    expect(refusal(() => shipAll(makeSink(source), source))).toContain('EISDIR');
  });

  it('heals without being asked', async () => {
    const source = makeLog(5);
    const within = join(folder, 'later', 'audit.jsonl');
    expect(refusal(() => shipAll(makeSink(source, within), source))).toContain('ENOENT');
    mkdirSync(join(folder, 'later'));
    await vi.waitFor(() => expect(copy(within).entries).toBe(5), { timeout: 15_000, interval: 50 });
  });
});

describe('a sink that is a pipe (D5)', () => {
  const makePipe = (): void => void execFileSync('mkfifo', ['-m', '600', path]);
  const openReader = (): number => {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    descriptors.push(descriptor);
    return descriptor;
  };
  const read = (descriptor: number, most = 1 << 20): Buffer => {
    const parts: Buffer[] = [];
    for (let total = 0; total < most;) {
      const buffer = Buffer.alloc(Math.min(65_536, most - total));
      try {
        const count = readSync(descriptor, buffer);
        if (count === 0) break;
        parts.push(buffer.subarray(0, count));
        total += count;
      } catch {
        break;
      }
    }
    return Buffer.concat(parts);
  };

  it('refuses without a reader, and gives the next reader what it missed', () => {
    makePipe();
    const source = makeLog(5);
    const sink = makeSink(source);
    expect(refusal(() => sink.ship(grow(source)))).toContain('ENXIO');
    const reader = openReader();
    sink.check();
    expect(verify(read(reader))).toMatchObject({ verdict: 'good', first: 6, entries: 1 });
  });

  it('refuses when the reader never reads, without waiting', () => {
    makePipe();
    const source = makeLog(1);
    openReader();
    const sink = makeSink(source);
    let accepted = 0;
    const message = refusal(() => {
      for (; ; accepted++) sink.ship(grow(source));
    });
    expect(message).toContain('EAGAIN');
    expect(accepted).toBeGreaterThan(50);
  });

  it('completes the line that a slow reader saw half of, and repeats none', () => {
    makePipe();
    const source = makeLog(1);
    const reader = openReader();
    const sink = makeSink(source);
    const seen: Buffer[] = [];
    let refused = 0;
    for (let n = 0; n < 100; n++) {
      // longer than PIPE_BUF, so that the pipe takes a part of it
      source.append({
        ...draft(n),
        details: { names: Array.from({ length: 200 }, (_, i) => `dns:host-${i}-${n}.example.test`) },
      });
      try {
        shipAll(sink, source);
      } catch {
        refused += 1;
        seen.push(read(reader, 5000));
      }
    }
    for (let n = 0; n < 200; n++) {
      seen.push(read(reader));
      try {
        sink.check();
      } catch {
        continue;
      }
    }
    seen.push(read(reader));
    expect(refused).toBeGreaterThan(10);
    expect(verify(Buffer.concat(seen))).toMatchObject({ verdict: 'good', first: 2, entries: 100 });
  });

  it('repeats the line that a reader left in the middle of', () => {
    makePipe();
    const source = makeLog(1);
    openReader();
    const sink = makeSink(source);
    const long = { names: Array.from({ length: 1000 }, (_, i) => `dns:host-${i}.example.test`) };
    for (let n = 0; n < 3; n++) source.append({ ...draft(n), details: long });
    expect(refusal(() => shipAll(sink, source))).toContain('EAGAIN');
    closeSync(descriptors.pop() ?? -1);
    expect(refusal(() => sink.check())).toContain('EPIPE');
    const next = openReader();
    const seen: Buffer[] = [];
    for (let n = 0; n < 10; n++) {
      try {
        sink.check();
      } catch {
        // still more than the pipe holds
      }
      seen.push(read(next));
    }
    const report = verify(Buffer.concat(seen));
    expect(report).toMatchObject({ verdict: 'good', last: { sequence: 4 } });
    expect(report.first).toBeGreaterThan(2);
  });

  it('starts again with a whole line for a new reader', () => {
    makePipe();
    const source = makeLog(3);
    const first = openReader();
    const sink = makeSink(source);
    sink.ship(grow(source));
    expect(verify(read(first))).toMatchObject({ verdict: 'good', entries: 1 });
    closeSync(descriptors.pop() ?? -1);
    expect(refusal(() => sink.ship(grow(source)))).toContain('EPIPE');
    const second = openReader();
    sink.check();
    expect(verify(read(second))).toMatchObject({ verdict: 'good', first: 5, entries: 1 });
  });
});

describe('a sink that is not required', () => {
  it('lets everybody pass, says so once, and catches up later', () => {
    const source = makeLog(5);
    const within = join(folder, 'later', 'audit.jsonl');
    const sink = makeSink(source, within, false);
    for (let n = 0; n < 10; n++) sink.ship(grow(source));
    sink.check();
    expect(said).toEqual([expect.stringMatching(/^warn .*ENOENT/)]);
    mkdirSync(join(folder, 'later'));
    sink.ship(grow(source));
    expect(copy(within)).toMatchObject({ verdict: 'good', entries: 16 });
    expect(said.at(-1)).toMatch(/^info .*accepts entries again/);
  });

  it('keeps its copy apart from what others append', () => {
    const source = makeLog(5);
    const sink = makeSink(source, path, false);
    shipAll(sink, source);
    appendFileSync(path, 'something else\n');
    sink.ship(grow(source));
    expect(said).toEqual([expect.stringContaining('something that is not a copy')]);
    expect(readFileSync(path, 'utf8')).toMatch(/something else\n$/);
  });
});
