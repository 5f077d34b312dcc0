import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('an audit sink on a full file system refuses at once and heals without a restart (D5)', () => {
  // a mount namespace of its own: the file system is gone when the process is
  const script = `mount -t tmpfs -o size=64k tmpfs /mnt && exec "$0" "$1" /mnt`;
  const program = join(import.meta.dirname, 'audit-sink-full-disk.ts');
  const output = execFileSync(
    'unshare',
    ['--map-root-user', '--mount', 'sh', '-c', script, process.execPath, program],
    { encoding: 'utf8' },
  );
  expect(JSON.parse(output)).toMatchObject({
    refused: expect.stringMatching(/^audit_unavailable: .*ENOSPC/) as string,
    slow: false,
    verdict: 'good',
    entries: 90,
  });
  expect((JSON.parse(output) as { refusals: number }).refusals).toBeGreaterThan(10);
});
