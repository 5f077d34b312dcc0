/**
 * What systemd wants to know of a service with Type=notify (sd_notify(3)): that it is ready, still alive, or stopping.
 * Node opens no datagram socket of the unix family, so systemd's own systemd-notify does; the unit has to have
 * NotifyAccess=all, for the message then comes from a child. A message costs about 6 ms of a core, 2 of them here.
 */
import { execFile } from 'node:child_process';
import { MINUTE, SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

export interface ServiceManager {
  /** Once, when requests are answered; from then on the watchdog is fed. */
  ready(status: string): void;
  stopping(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;
/** Sends assignments, e.g. `READY=1`. */
type Send = (assignments: readonly string[]) => Promise<void>;

/** Does nothing where no service manager asks to be told. */
export function serviceManager(
  env: Environment,
  log: Log,
  send: Send = sender(env),
  pid = process.pid,
): ServiceManager {
  if (!env['NOTIFY_SOCKET']) return { ready: () => undefined, stopping: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let last = Promise.resolve();
  const tell = (...assignments: string[]): void => {
    // one after the other: WATCHDOG=1 must not overtake READY=1
    last = last
      .then(() => send(assignments))
      .catch((error: unknown) =>
        log.warn('systemd was not told', {
          what: assignments[0],
          reason: error instanceof Error ? error.message : String(error),
        }),
      );
  };
  return {
    ready(status) {
      tell('READY=1', `STATUS=${status}`);
      const period = watchdogPeriod(env, pid);
      if (period !== undefined) timer = setInterval(() => tell('WATCHDOG=1'), period).unref();
    },
    stopping() {
      if (isStopping) return;
      isStopping = true;
      clearInterval(timer);
      tell('STOPPING=1');
    },
  };
}

/** Half of what systemd waits, as sd_watchdog_enabled(3) advises. Milliseconds. */
export function watchdogPeriod(env: Environment, pid: number): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? NaN);
  const owner = env['WATCHDOG_PID'];
  if (!(microseconds > 0) || (owner !== undefined && owner !== String(pid))) return undefined;
  return Math.min(Math.max(microseconds / 2000, SECOND / 10), 30 * MINUTE);
}

const sender =
  ({ NOTIFY_SOCKET, PATH }: Environment): Send =>
  (assignments) =>
    new Promise((resolve, reject) => {
      const env = { NOTIFY_SOCKET, PATH: PATH ?? '/usr/bin:/bin' };
      execFile('systemd-notify', assignments, { env, timeout: 10 * SECOND }, (error) =>
        error === null ? resolve() : reject(new Error(error.message, { cause: error })),
      );
    });
