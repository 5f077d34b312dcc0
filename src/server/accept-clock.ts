/**
 * `server admin accept-clock`: after a clock that had leapt ahead wrote into the log, signing would wait until that time
 * comes. An operator of the host says that the clock is right now. Offline, audited.
 */
import { formatInstant } from '../base/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { requireAuthority, dataPaths } from './data.ts';
import { localCaller, localPrincipal } from './local-caller.ts';
import { openData } from './open.ts';
import { type ProgramOptions, resolveConfiguration } from './options.ts';

export interface AcceptedClock {
  /** What the log had as its latest time. */
  readonly before: string;
  readonly now: string;
}

/** Takes the lock of the data folder, so the server must be stopped (`unsafe_files` says so). */
export async function acceptClock(options: ProgramOptions): Promise<AcceptedClock> {
  const config = await resolveConfiguration(options);
  requireAuthority(dataPaths(config.data));
  const opened = await openData({
    config,
    log: createLog({ level: 'warn' }),
    createKeys: false,
    onFatal(error) {
      throw error;
    },
  });
  try {
    const time = opened.clock.now();
    const before = formatInstant(opened.store.latestAuditTime());
    const now = formatInstant(time);
    await opened.trail.record([
      {
        time,
        event: 'clock.accepted',
        outcome: 'allowed',
        principal: localPrincipal(),
        door: 'local',
        requestId: 'admin-accept-clock',
        details: { before, now, ...localCaller() },
      },
    ]);
    await opened.trail.signNow();
    return { before, now };
  } finally {
    await opened.close();
  }
}
