/** Raises the alarm once when the clock goes back by over an hour, and says when it is right again. */
import { formatInstant } from '../base/clock.ts';
import type { ChanceryError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { clockGuard } from '../domain/issuance/clock-guard.ts';
import type { OpenedData } from './open.ts';

export function clockWatch(
  { clock, store, trail }: Pick<OpenedData, 'clock' | 'store' | 'trail'>,
  log: Log,
): () => Promise<void> {
  const guard = clockGuard(clock, () => store.latestAuditTime());
  let alarmed = false;
  return async () => {
    try {
      guard();
      if (alarmed) log.info('the clock is right again; certificates are signed');
      alarmed = false;
    } catch (error) {
      if (alarmed) return;
      alarmed = true;
      const reason = (error as ChanceryError).message;
      log.error('the clock went back: no leaf is signed until it is right', { reason });
      await trail.record([
        {
          time: clock.now(),
          event: 'clock.alarm',
          outcome: 'failed',
          principal: 'system:server',
          door: 'internal',
          requestId: 'clock',
          details: { reason, latest: formatInstant(store.latestAuditTime()) },
        },
      ]);
    }
  };
}
