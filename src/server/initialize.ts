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
  refuseDevelopmentKey,
} from '../config/index.ts';
import { openingDraft } from '../domain/audit/opening.ts';
import { writePrivateFile } from '../keys/software/index.ts';
import { toHex } from '../x509/bytes.ts';
import { certificateFingerprint } from '../x509/certificate.ts';
import { encodePem } from '../x509/pem.ts';
import { issueAdminLogin, requireChoice } from './admin-login.ts';
import { isInitialized, makeDataFolder, dataPaths, renderClientFile, writePublicFile } from './data.ts';
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
  const { key, chain } = await issueAdminLogin(opened, config, { requestId: 'init' });
  await writePrivateFile(paths.adminKey, key, { replace: true });
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
