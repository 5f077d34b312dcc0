/** `server admin recover`: a fresh login for the first operator, where the old one is lost or over. Offline, audited. */
import { formatInstant, type Instant, parseDuration } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import { loginIssuer } from '../config/index.ts';
import { parseName } from '../domain/identity/names.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { issue } from '../domain/issuance/issue.ts';
import { replacePrivateFiles } from '../keys/software/index.ts';
import { exportPkcs8, generateKeyPair } from '../x509/key-pair.ts';
import { encodePem } from '../x509/pem.ts';
import { createLog } from '../telemetry/log.ts';
import { adminId, initGrant } from './builtin-grants.ts';
import { dataPaths, requireAuthority } from './data.ts';
import { requireChoice } from './initialize.ts';
import { issuancePorts } from './issuance.ts';
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
    const login = requireChoice(loginIssuer(config));
    const pair = await generateKeyPair('ecdsa-p256');
    const ports = issuancePorts(opened, config, config.externalUrl.status.url, () => [
      initGrant(config.trustDomain, login),
    ]);
    const issued = await issue(ports, {
      principal: systemPrincipal('init'),
      door: { name: 'internal', requestId: 'admin-recover' },
      issuer: login.issuer.name,
      profile: login.profile.name,
      proof: { makeHere: () => Promise.resolve(pair.publicKey) },
      names: [parseName('uri', adminId(config.trustDomain))],
      ttl,
    });
    if (issued.kind !== 'issued') throw new ChanceryError('internal', 'the admin certificate was not issued');
    const { serial, notAfter, der } = issued.record;
    await opened.trail.record([recoveredDraft(serial, notAfter, opened.clock.now())]);
    await opened.trail.signNow();
    await replacePrivateFiles([
      { path: paths.adminKey, content: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)) },
      {
        path: paths.adminCertificate,
        content: encodePem('CERTIFICATE', der) + encodePem('CERTIFICATE', issued.generation.certificate.raw),
      },
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
