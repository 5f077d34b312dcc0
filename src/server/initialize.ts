/**
 * `init`: makes what is missing in a data folder, in this order, each step durable before the next:
 *
 *   1 folders                    5 one generation per issuer (key, certificate, record)
 *   2 keyring                    6 the admin's certificate, through the pipeline
 *   3 audit key, log opened      7 roots.pem
 *   4 roots (key, certificate,   8 client.yaml: only now the folder counts as an authority
 *     record)
 *
 * Cut off at any point, a second run takes up what is there and makes the rest; nothing is ever overwritten.
 */
import { existsSync, readFileSync } from 'node:fs';
import { ChanceryError } from '../base/errors.ts';
import { formatInstant } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import {
  type Configuration,
  defaultExternalUrl,
  listenerIssuer,
  loginIssuer,
  refuseDevelopmentKey,
} from '../config/index.ts';
import { openingDraft } from '../domain/audit/opening.ts';
import { issue } from '../domain/issuance/issue.ts';
import { parseName } from '../domain/identity/names.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { writePrivateFile } from '../keys/software/index.ts';
import { toHex } from '../x509/bytes.ts';
import { certificateFingerprint } from '../x509/certificate.ts';
import { exportPkcs8, generateKeyPair } from '../x509/key-pair.ts';
import { encodePem } from '../x509/pem.ts';
import { adminId, initGrant } from './builtin-grants.ts';
import { isInitialized, makeDataFolder, dataPaths, renderClientFile, writePublicFile } from './data.ts';
import { issuancePorts } from './issuance.ts';
import { initDraft, makeHierarchy } from './make-authority.ts';
import { RootFolder } from './offline/root-folder.ts';
import { openData, type OpenedData } from './open.ts';

export interface Initialized {
  readonly data: string;
  readonly trustDomain: string;
  /** Whether the folder was an authority before. */
  readonly existed: boolean;
  readonly made: readonly string[];
  readonly roots: readonly {
    readonly name: string;
    readonly fingerprint: string;
    readonly notAfter: string;
  }[];
  readonly server: string;
  readonly warnings: readonly string[];
}

/** Where the keys of roots go that are not to stay in the data folder. */
export interface RootsAway {
  readonly folder: string;
  /** Left out: a passphrase is made and lies beside them. */
  readonly passphraseFile?: string | undefined;
}

export async function initializeAuthority(
  config: Configuration,
  log: Log,
  away?: RootsAway,
): Promise<Initialized> {
  const paths = dataPaths(config.data);
  const existed = isInitialized(paths);
  await makeDataFolder(paths);
  const opened = await openData({ config, log, onFatal: fatal, createKeys: true });
  try {
    if (opened.keyring.development) refuseDevelopmentKey(config);
    const made: string[] = [];
    await openLog(opened, config);
    const folder =
      away === undefined
        ? undefined
        : await RootFolder.at(away.folder, {
            data: config.data,
            passphraseFile: away.passphraseFile,
            random: opened.random,
          });
    await makeHierarchy(opened, config, folder?.roots, made);
    await makeAdmin(opened, config, made);
    const server = clientUrl(config);
    await writeRootsFile(opened, config);
    if (made.length > 0)
      await opened.trail.record([
        initDraft(opened, 'authority.initialized', { made, trustDomain: config.trustDomain }),
      ]);
    await opened.trail.signNow();
    if (!existed)
      await writePublicFile(
        paths.clientFile,
        renderClientFile({ server, trustDomain: config.trustDomain, configuration: config.file }),
      );
    return {
      data: config.data,
      trustDomain: config.trustDomain,
      existed,
      made,
      roots: opened.authority.roots().map(({ name, certificate }) => ({
        name,
        fingerprint: certificateFingerprint(certificate.raw),
        notAfter: formatInstant(certificate.notAfter),
      })),
      server,
      warnings: [...opened.keyring.warnings, ...(folder?.warnings ?? [])],
    };
  } finally {
    await opened.close();
  }
}

const fatal = (error: ChanceryError): void => {
  throw error;
};

/** How this host's operator reaches the server. */
export const clientUrl = (config: Configuration): string =>
  defaultExternalUrl('https', config.listen.https) ?? `https://localhost:${config.listen.https.port}`;

async function openLog({ store, trail, auditKey, clock }: OpenedData, config: Configuration): Promise<void> {
  if (store.audit.last() !== undefined) return;
  await trail.record([openingDraft(config.trustDomain, toHex(auditKey.publicKey.fingerprint), clock.now())]);
}

/** The first operator's certificate. Cut off before cert.pem is there, a second run issues another; the first has no key. */
async function makeAdmin(opened: OpenedData, config: Configuration, made: string[]): Promise<void> {
  const { paths } = opened;
  if (existsSync(paths.adminCertificate)) return;
  const login = requireChoice(loginIssuer(config));
  const pair = await generateKeyPair('ecdsa-p256');
  const ports = issuancePorts(opened, config, config.externalUrl.status.url, () => [
    initGrant(config.trustDomain, login),
  ]);
  const issued = await issue(ports, {
    principal: systemPrincipal('init'),
    door: { name: 'internal', requestId: 'init' },
    issuer: login.issuer.name,
    profile: login.profile.name,
    proof: { makeHere: () => Promise.resolve(pair.publicKey) },
    names: [parseName('uri', adminId(config.trustDomain))],
    ttl: login.profile.maxTtl,
  });
  if (issued.kind !== 'issued') throw new ChanceryError('internal', 'the admin certificate was not issued');
  await writePrivateFile(paths.adminKey, encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)), {
    replace: true,
  });
  const chain =
    encodePem('CERTIFICATE', issued.record.der) + encodePem('CERTIFICATE', issued.generation.certificate.raw);
  await writePrivateFile(paths.adminCertificate, chain, { replace: true });
  made.push('admin certificate');
}

/** roots.pem: the anchors that clients of this server need, those of the root above its own certificate. */
export async function writeRootsFile({ authority, paths }: OpenedData, config: Configuration): Promise<void> {
  const anchors = authority.bundle(requireChoice(listenerIssuer(config)).issuer.root);
  const pem = anchors.map(({ certificate }) => encodePem('CERTIFICATE', certificate.raw)).join('');
  if (existsSync(paths.rootsFile) && readFileSync(paths.rootsFile, 'utf8') === pem) return;
  await writePublicFile(paths.rootsFile, pem);
}

/** The configuration was checked for this when it was loaded. */
export function requireChoice<T>(choice: T | undefined): T {
  if (choice !== undefined) return choice;
  throw new ChanceryError(
    'invalid_configuration',
    'no issuer serves the listener, or none lets operators log in',
  );
}
