/**
 * `server admin accept-journal`: where the journal was lost, exchanged or begins too late, the server does not start, for
 * what is revoked may be forgotten. An operator of the host says to go on with what there is. Offline, audited.
 */
import { ChanceryError } from '../base/errors.ts';
import { createLog } from '../telemetry/log.ts';
import { requireAuthority, dataPaths } from './data.ts';
import { localCaller, localPrincipal } from './local-caller.ts';
import { openData } from './open.ts';
import { type ProgramOptions, resolveConfiguration } from './options.ts';
import { systemClock } from './world.ts';

export interface AcceptedJournal {
  /** Why it was refused until now. */
  readonly reason: string;
}

/** Takes the locks of the data folder and of the journal, so the server must be stopped. Throws `not_ready` for nothing to accept. */
export async function acceptJournal(options: ProgramOptions): Promise<AcceptedJournal> {
  const config = await resolveConfiguration(options);
  requireAuthority(dataPaths(config.data));
  if (config.journal === undefined) throw nothing('no journal is configured');
  let accepted: string | undefined;
  const opened = await openData({
    config,
    log: createLog({ level: 'warn' }),
    createKeys: false,
    onFatal(error) {
      throw error;
    },
    acceptJournal(reason) {
      accepted = reason;
      return {
        time: systemClock.now(),
        event: 'journal.accepted',
        outcome: 'allowed',
        principal: localPrincipal(),
        door: 'local',
        requestId: 'admin-accept-journal',
        details: { reason, ...localCaller() },
      };
    },
  });
  try {
    if (accepted === undefined) throw nothing('the journal is the one that belongs to the database');
    await opened.trail.signNow();
    return { reason: accepted };
  } finally {
    await opened.close();
  }
}

const nothing = (message: string): ChanceryError =>
  new ChanceryError('not_ready', {
    message,
    rule: 'only a journal that is refused is accepted',
    fix: 'Start the server.',
  });
