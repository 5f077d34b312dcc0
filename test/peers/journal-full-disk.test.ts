import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface Outcome {
  readonly answered: number;
  readonly refused: number;
  readonly recorded: number;
  readonly journaled: number;
}

it('a journal on a full file system: nothing is answered that it has not, and it heals without a restart (D3)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-journal-'));
  try {
    const script = `mount -t tmpfs -o size=128k tmpfs /mnt && exec "$0" "$1" /mnt "$2"`;
    const output = execFileSync(
      'unshare',
      [
        ...['--map-root-user', '--mount', 'sh', '-c', script],
        ...[process.execPath, join(import.meta.dirname, 'journal-full-disk.ts'), folder],
      ],
      { encoding: 'utf8' },
    );
    const outcome = JSON.parse(output) as Outcome;
    expect(outcome).toMatchObject({
      reason: expect.stringMatching(/^store_unavailable: the journal .*ENOSPC/) as string,
      ...{ red: true, green: true, slow: false },
    });
    expect(outcome.refused).toBeGreaterThan(10);
    expect(outcome.recorded).toBe(outcome.answered + 1);
    expect(outcome.journaled).toBe(outcome.recorded);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('after the first failed fsync the journal takes nothing any more (D2)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-journal-'));
  try {
    const output = execFileSync(
      'strace',
      [
        ...['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync'],
        ...['-e', 'inject=fdatasync:error=EIO:when=3'],
        ...[process.execPath, join(import.meta.dirname, 'journal-eio.ts'), join(folder, 'journal')],
      ],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(output)).toEqual(['taken', 'taken', 'over', 'over', 'over', 'over']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
