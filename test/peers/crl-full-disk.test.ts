import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('CRLs on a full file system: revocations are recorded, the last ones stay served, and it heals without a restart (D3)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-crl-'));
  try {
    const script = `mount -t tmpfs -o size=128k tmpfs /mnt && exec "$0" "$1" /mnt "$2"`;
    const output = execFileSync(
      'unshare',
      [
        ...['--map-root-user', '--mount', 'sh', '-c', script],
        ...[process.execPath, join(import.meta.dirname, 'crl-full-disk.ts'), folder],
      ],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(output)).toEqual({
      before: [0, 0],
      full: { recorded: 500, served: [0, 0], unusable: [], unfinished: 0, problems: 2, alarms: 2 },
      healed: { served: [500, 500], problems: 0 },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
