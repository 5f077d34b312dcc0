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
import { existsSync } from 'node:fs';
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
import type { AuditDraft } from '../domain/audit/entry.ts';
import { prepareGeneration, prepareRoot, SHARDS, signCaCertificate } from '../domain/issuance/hierarchy.ts';
import { issue } from '../domain/issuance/issue.ts';
import { statusUrls } from '../domain/issuance/issuer.ts';
import { newSerial } from '../domain/issuance/serial.ts';
import { parseName } from '../domain/identity/names.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { writePrivateFile } from '../keys/software/index.ts';
import { toHex } from '../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../x509/certificate.ts';
import { exportPkcs8, generateKeyPair } from '../x509/key-pair.ts';
import { encodePem } from '../x509/pem.ts';
import { adminId, initGrant } from './builtin-grants.ts';
import { isInitialized, makeDataFolder, dataPaths, renderClientFile, writePublicFile } from './data.ts';
import { issuancePorts } from './issuance.ts';
import { caSigner } from './signers.ts';
import { ensureKey, openData, type OpenedData } from './open.ts';

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

export async function initializeAuthority(config: Configuration, log: Log): Promise<Initialized> {
  const paths = dataPaths(config.data);
  const existed = isInitialized(paths);
  await makeDataFolder(paths);
  const opened = await openData({ config, log, onFatal: fatal, createKeys: true });
  try {
    if (opened.keyring.development) refuseDevelopmentKey(config);
    const made: string[] = [];
    await openLog(opened, config);
    await makeRoots(opened, config, made);
    await makeGenerations(opened, config, made);
    await makeAdmin(opened, config, made);
    const server = clientUrl(config);
    await writePublicFile(paths.rootsFile, rootsPem(opened, config));
    if (made.length > 0)
      await opened.trail.record([
        internalDraft(opened, 'authority.initialized', { made, trustDomain: config.trustDomain }),
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
      warnings: opened.keyring.warnings,
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

const internalDraft = (
  { clock }: OpenedData,
  event: 'authority.initialized' | 'ca.certificate.issued',
  details: AuditDraft['details'],
): AuditDraft => ({
  time: clock.now(),
  event,
  outcome: 'allowed',
  principal: 'system:init',
  door: 'internal',
  requestId: 'init',
  details,
});

const issuedDetails = (kind: string, name: string, keyId: string, der: Uint8Array): AuditDraft['details'] => {
  const certificate = readCertificate(der);
  return {
    kind,
    name,
    key: keyId,
    serial: formatSerial(certificate.serial),
    fingerprint: certificateFingerprint(der),
    notAfter: formatInstant(certificate.notAfter),
  };
};

async function makeRoots(opened: OpenedData, config: Configuration, made: string[]): Promise<void> {
  const { authority, keys, random, clock, store } = opened;
  const signer = caSigner(keys);
  for (const root of new Set(config.issuers.map((issuer) => issuer.root))) {
    if (authority.root(root) !== undefined) continue;
    const keyId = `root-${root}`;
    const { publicKey } = await ensureKey(keys, keyId, 'ecdsa-p384');
    const prepared = prepareRoot({
      root,
      serial: newSerial(random),
      publicKey,
      trustDomain: config.trustDomain,
      now: clock.now(),
    });
    const certificate = signCaCertificate(signer, keyId, prepared);
    await store.authorities.addRoot({ name: root, keyId, certificate }, [
      internalDraft(opened, 'ca.certificate.issued', issuedDetails('root', root, keyId, certificate)),
    ]);
    made.push(`root ${root}`);
    authority.reload();
  }
}

async function makeGenerations(opened: OpenedData, config: Configuration, made: string[]): Promise<void> {
  const { authority, keys, random, clock, store } = opened;
  const signer = caSigner(keys);
  const urls = statusUrls(config.externalUrl.status.url);
  for (const issuer of config.issuers) {
    if (authority.generations(issuer.name).length > 0) continue;
    const root = authority.root(issuer.root);
    if (root === undefined) throw new ChanceryError('internal', `no root ${issuer.root}`);
    const number = 1;
    const id = `${issuer.name}-${number}`;
    const { publicKey } = await ensureKey(keys, id, 'ecdsa-p256');
    const now = clock.now();
    const prepared = prepareGeneration({
      id,
      root,
      serial: newSerial(random),
      publicKey,
      trustDomain: config.trustDomain,
      urls,
      now,
    });
    const certificate = signCaCertificate(signer, root.keyId, prepared);
    await store.authorities.addGeneration(
      {
        id,
        issuer: issuer.name,
        root: root.name,
        number,
        keyId: id,
        certificate,
        shards: SHARDS,
        activatedAt: now,
        retiredAt: null,
        stopped: null,
      },
      [internalDraft(opened, 'ca.certificate.issued', issuedDetails('generation', id, id, certificate))],
    );
    made.push(`issuer ${issuer.name}`);
    authority.reload();
  }
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

/** The anchors that clients of this server need: the root above its own certificate. */
function rootsPem({ authority }: OpenedData, config: Configuration): string {
  const own = requireChoice(listenerIssuer(config)).issuer.root;
  const root = authority.root(own);
  return root === undefined ? '' : encodePem('CERTIFICATE', root.certificate.raw);
}

/** The configuration was checked for this when it was loaded. */
export function requireChoice<T>(choice: T | undefined): T {
  if (choice !== undefined) return choice;
  throw new ChanceryError(
    'invalid_configuration',
    'no issuer serves the listener, or none lets operators log in',
  );
}
