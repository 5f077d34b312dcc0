/** How a service is told that its pair changed. Nothing passes through a shell, and nothing of a certificate is an argument. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, SECOND } from '../../base/clock.ts';

export const RELOAD_SIGNALS = ['HUP', 'USR1', 'USR2'] as const;

export type Reload =
  | {
      readonly kind: 'signal';
      /** Absolute. */
      readonly pidFile: string;
      readonly signal: (typeof RELOAD_SIGNALS)[number];
    }
  /** Of `delivery.commands`. */
  | { readonly kind: 'command'; readonly name: string }
  /** `nginx.service`; the host lets it be reloaded by a command of the name `systemctl`. */
  | { readonly kind: 'systemd'; readonly unit: string };

export type Commands = ReadonlyMap<string, readonly string[]>;

const PATIENCE: Duration = 30 * SECOND;
const UNIT = /^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}\.(?:service|socket|target)$/;

/** Resolves with what was done, in words. Throws `delivery_refused` or `delivery_failed`. */
export async function reload(how: Reload, commands: Commands): Promise<string> {
  switch (how.kind) {
    case 'signal': {
      const pid = await readPid(how.pidFile);
      try {
        process.kill(pid, `SIG${how.signal}`);
      } catch (error) {
        throw failed(`${how.signal} could not be sent to process ${pid} of ${how.pidFile}: ${said(error)}`);
      }
      return `sent ${how.signal} to process ${pid}`;
    }
    case 'command':
      await run(how.name, [], commands);
      return `ran ${how.name}`;
    case 'systemd':
      if (!UNIT.test(how.unit))
        throw refused(`${JSON.stringify(how.unit)} is no unit`, 'a name such as nginx.service');
      await run('systemctl', ['reload', how.unit], commands);
      return `reloaded ${how.unit}`;
  }
}

async function run(name: string, extra: readonly string[], commands: Commands): Promise<void> {
  const [program, ...fixed] = commands.get(name) ?? [];
  if (program === undefined)
    throw refused(
      `${name} is not among the commands of this host`,
      `delivery.commands: ${[...commands.keys()].join(', ') || 'none'}`,
    );
  await new Promise<void>((resolve, reject) => {
    execFile(
      program,
      [...fixed, ...extra],
      {
        timeout: PATIENCE,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      },
      (error) => {
        if (error === null) resolve();
        // what it printed may hold anything: its exit is enough
        else
          reject(
            failed(
              `the command ${name} failed: ${error.killed === true ? 'it took over 30s' : `exit ${String(error.code)}`}`,
            ),
          );
      },
    );
  });
}

async function readPid(path: string): Promise<number> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw failed(`${path} cannot be read: ${said(error)}`);
  }
  try {
    const facts = await file.stat();
    const trusted = facts.uid === 0 || facts.uid === process.getuid?.();
    if (!facts.isFile() || (facts.mode & 0o022) !== 0 || !trusted)
      throw refused(
        `${path} can be written by others`,
        'a pid file belongs to root or to us, and nobody else writes it',
      );
    const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
    const pid = Number(/^\s*(\d{1,10})\s*$/.exec(buffer.toString('latin1', 0, bytesRead))?.[1]);
    if (!(pid > 1) || pid === process.pid) throw failed(`${path} holds no process id`);
    return pid;
  } finally {
    await file.close();
  }
}

const said = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'it failed';

const refused = (message: string, rule: string): ChanceryError =>
  new ChanceryError('delivery_refused', {
    message,
    rule,
    fix: 'Change the target, or the delivery section of the configuration of that host.',
  });

const failed = (message: string): ChanceryError =>
  new ChanceryError('delivery_failed', {
    message,
    rule: 'a pair is delivered when the service was told',
    fix: 'It is tried again; see what keeps the service from reloading.',
  });
