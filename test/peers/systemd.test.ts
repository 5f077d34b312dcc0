/** The unit file as systemd judges it, and the server as it would run under it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Installation,
  install,
  pause,
  PROGRAM,
  spawnServer,
  tryRun,
} from '../support/spawned-server.ts';

const UNIT = join(import.meta.dirname, '../../deploy/systemd/chancery.service');

let at: Installation;
let unit: string;
beforeAll(async () => {
  at = await install();
  unit = join(at.folder, 'chancery.service');
  writeFileSync(unit, readFileSync(UNIT, 'utf8').replace('/opt/chancery/bin/chancery', PROGRAM));
});
afterAll(() => at.remove());

describe('the unit', () => {
  test('has no fault', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });

  test('exposes little', () => {
    const { status, stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', '--threshold=15', unit],
      { encoding: 'utf8' },
    );
    expect([status, stdout]).toEqual([0, expect.stringContaining('Overall exposure level')]);
  });

  test('its user is one that systemd-sysusers makes', () => {
    const conf = join(import.meta.dirname, '../../deploy/systemd/chancery.sysusers.conf');
    const { status, stdout, stderr } = spawnSync('systemd-sysusers', ['--dry-run', conf], {
      encoding: 'utf8',
    });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("user 'chancery'")]);
  });
});

/** Prints what arrives at a socket as the service manager's, a message a line. */
const MANAGER = `import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(4096, 1024)
    for _, _, fds in ancillary:
        for fd in array.array('i', fds[: len(fds) - len(fds) % 4]): os.close(fd)
    print(data.decode().replace('\\n', ' '), flush=True)
`;

test('the server says through systemd-notify when it is ready, that it lives, and that it stops', async () => {
  const socket = join(at.folder, 'notify.sock');
  const manager = spawn('python3', ['-c', MANAGER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const messages: string[] = [];
    manager.stdout.on('data', (chunk: Buffer) => messages.push(...chunk.toString().trimEnd().split('\n')));
    const until = async (what: RegExp): Promise<void> => {
      const end = Date.now() + 15_000;
      while (!messages.some((message) => what.test(message)) && Date.now() < end) await pause(20);
      expect(messages).toContainEqual(expect.stringMatching(what));
    };
    await until(/^bound$/);
    const server = await spawnServer(at, ['env', `NOTIFY_SOCKET=${socket}`, 'WATCHDOG_USEC=600000']);
    await until(/^READY=1 STATUS=serves example\.test at https:/);
    await until(/^WATCHDOG=1$/);
    expect(await server.kill('SIGTERM')).toBe(0);
    await until(/^STOPPING=1$/);
    expect(server.output()).not.toContain('systemd was not told');
  } finally {
    manager.kill();
  }
});

describe('inside of what the unit allows', () => {
  const filter = (set: string): string[] =>
    execFileSync('systemd-analyze', ['syscall-filter', '--no-pager', set], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  const expand = (set: string): Set<string> =>
    new Set(
      filter(set)
        .slice(1)
        .flatMap((name) => (name.startsWith('@') ? [...expand(name)] : [name])),
    );

  test('the server makes no system call that is filtered', async () => {
    const calls = join(at.folder, 'calls');
    execFileSync('chown', ['-R', 'nobody', at.folder]);
    const wrapper = [
      'setpriv',
      '--reuid=65534',
      '--clear-groups',
      'strace',
      '-f',
      '-qq',
      '-c',
      '-S',
      'name',
      '-o',
      calls,
    ];
    const server = await spawnServer(at, wrapper, 30_000);
    const issued = await tryRun([
      'cert',
      'issue',
      '--data',
      at.data,
      '--profile',
      'workload',
      '--uri',
      '/app',
      '--out',
      join(at.folder, 'app'),
    ]);
    expect(issued).toMatchObject({ code: 0 });
    const [pid] = execFileSync('pgrep', ['-P', String(server.process.pid)], { encoding: 'utf8' }).split('\n');
    process.kill(Number(pid), 'SIGTERM');
    expect(await server.ended).toBe(0);
    const made = readFileSync(calls, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/).at(-1) ?? '')
      .filter((name) => /^[a-z][a-z0-9_]+$/.test(name) && name !== 'total' && name !== 'syscall');
    expect(made).toEqual(expect.arrayContaining(['accept4', 'fsync', 'pwrite64']));
    const allowed = expand('@system-service');
    for (const set of ['@privileged', '@resources']) for (const name of expand(set)) allowed.delete(name);
    expect(made.filter((name) => !allowed.has(name))).toEqual([]);
  });
});
