/** `server admin recover`: a fresh login for the first operator, where the old one is lost or over. Offline, audited. */
import { formatInstant, type Instant, parseDuration } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import { replacePrivateFiles } from '../keys/software/index.ts';
import { createLog } from '../telemetry/log.ts';
import { issueAdminLogin } from './admin-login.ts';
import { dataPaths, requireAuthority } from './data.ts';
import { localCaller, localPrincipal } from './local-caller.ts';
import { openData } from './open.ts';
import { type ProgramOptions, resolveConfiguration } from './options.ts';

export interface RecoverOptions extends ProgramOptions {
  /** `1d`; left out: a day. Never more than the profile allows. */
  readonly ttl?: string | undefined;
}

export interface Recovered {
  readonly certificate: string;
  readonly key: string;
  readonly serial: string;
  readonly notAfter: string;
}

const DEFAULT_TTL = '1d';

/**
 * Takes the lock of the data folder, so the server must be stopped (`unsafe_files` says so). The certificate goes through the
 * pipeline like `init`'s, under the same grant; the pair in admin/ is replaced as one. Throws what `issue` throws.
 */
export async function recoverAdmin(options: RecoverOptions): Promise<Recovered> {
  const ttl = parseDuration(options.ttl ?? DEFAULT_TTL);
  if (ttl === undefined)
    throw new ChanceryError('invalid_duration', {
      message: `${JSON.stringify(options.ttl)} is no duration`,
      rule: 'a duration is written as 90d, 12h, 1h30m, 45s',
      fix: 'Write e.g. 1d.',
    });
  const config = await resolveConfiguration(options);
  const paths = dataPaths(config.data);
  requireAuthority(paths);
  const opened = await openData({
    config,
    log: createLog({ level: 'warn' }),
    createKeys: false,
    onFatal(error) {
      throw error;
    },
  });
  try {
    const { serial, notAfter, key, chain } = await issueAdminLogin(opened, config, {
      requestId: 'admin-recover',
      ttl,
    });
    await opened.trail.record([recoveredDraft(serial, notAfter, opened.clock.now())]);
    await opened.trail.signNow();
    await replacePrivateFiles([
      { path: paths.adminKey, content: key },
      { path: paths.adminCertificate, content: chain },
    ]);
    return {
      certificate: paths.adminCertificate,
      key: paths.adminKey,
      serial,
      notAfter: formatInstant(notAfter),
    };
  } finally {
    await opened.close();
  }
}

const recoveredDraft = (serial: string, notAfter: Instant, now: Instant) =>
  ({
    time: now,
    event: 'admin.recovered',
    outcome: 'allowed',
    principal: localPrincipal(),
    door: 'local',
    requestId: 'admin-recover',
    details: { serial, notAfter: formatInstant(notAfter), ...localCaller() },
  }) as const;
