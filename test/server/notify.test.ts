import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { serviceManager, watchdogPeriod } from '../../src/server/notify.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What systemd would have got, and what the log says. */
function listening(env: Record<string, string>, failing = false) {
  const told: string[][] = [];
  const warned: unknown[] = [];
  const none = (): void => undefined;
  const log: Log = { debug: none, info: none, error: none, warn: (...args) => void warned.push(args) };
  const send = (assignments: readonly string[]): Promise<void> => {
    told.push([...assignments]);
    return failing ? Promise.reject(new Error('no such file')) : Promise.resolve();
  };
  return { told, warned, manager: serviceManager({ NOTIFY_SOCKET: '@x', ...env }, log, send, 42) };
}

describe('a service of systemd', () => {
  it('says that it is ready, feeds the watchdog until it stops, and says that once', async () => {
    const { told, manager } = listening({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '42' });
    manager.ready('serves example.test');
    await vi.advanceTimersByTimeAsync(65_000);
    manager.stopping();
    manager.stopping();
    await vi.advanceTimersByTimeAsync(65_000);
    expect(told).toEqual([
      ['READY=1', 'STATUS=serves example.test'],
      ['WATCHDOG=1'],
      ['WATCHDOG=1'],
      ['STOPPING=1'],
    ]);
  });

  it('goes on where systemd cannot be told, and logs that', async () => {
    const { warned, told, manager } = listening({}, true);
    manager.ready('serves example.test');
    manager.stopping();
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toHaveLength(2);
    expect(warned).toEqual([
      ['systemd was not told', { what: 'READY=1', reason: 'no such file' }],
      ['systemd was not told', { what: 'STOPPING=1', reason: 'no such file' }],
    ]);
  });

  it('tells nobody where nobody asked', () => {
    const { told, manager } = listening({ NOTIFY_SOCKET: '', WATCHDOG_USEC: '1000000' });
    manager.ready('serves example.test');
    manager.stopping();
    expect([told, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it.each([
    [{}, undefined],
    [{ WATCHDOG_USEC: '30000000' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '43' }, undefined],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: 'x' }, undefined],
    [{ WATCHDOG_USEC: '1' }, 100],
  ])('%j means every %j ms', (env, period) => {
    expect(watchdogPeriod(env, 42)).toBe(period);
  });
});
