/** Roots and the first generation of each issuer, made where they are missing. Roots may be made elsewhere. */
import { ChanceryError } from '../base/errors.ts';
import { formatInstant } from '../base/clock.ts';
import type { Configuration } from '../config/index.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import {
  generationId,
  prepareGeneration,
  prepareRoot,
  SHARDS,
  signCaCertificate,
} from '../domain/issuance/hierarchy.ts';
import { type IssuerBounds, type Root, statusUrls } from '../domain/issuance/issuer.ts';
import { newSerial } from '../domain/issuance/serial.ts';
import { nextCrlNumber, PreparedCrl, signCrl } from '../domain/revocation/crl.ts';
import type { Actor } from '../http/admin/ports.ts';
import { type Bytes, equal } from '../x509/bytes.ts';
import { Hierarchy } from './hierarchy.ts';
import { caDetails } from './hierarchy-words.ts';
import { certificateEntry, type OfflineRoot, type RootFolder } from './offline/root-folder.ts';
import { ensureKey, type OpenedData } from './open.ts';
import { caSigner, crlSigner } from './signers.ts';

const INIT: Actor = { principal: 'system:init', door: 'internal', requestId: 'init' };

export const initDraft = (
  { clock }: Pick<OpenedData, 'clock'>,
  event: 'authority.initialized' | 'ca.certificate.issued' | 'crl.issued',
  details: AuditDraft['details'],
): AuditDraft => ({ time: clock.now(), event, outcome: 'allowed', ...INIT, details });

const issuedDetails = (kind: string, name: string, keyId: string, der: Bytes): AuditDraft['details'] => ({
  kind,
  ...caDetails(name, der),
  key: keyId,
});

/** What is made goes into `made`. `folder` is where roots go that are not to stay here. */
export async function makeHierarchy(
  opened: OpenedData,
  config: Configuration,
  folder: RootFolder | undefined,
  made: string[],
): Promise<void> {
  const offline = await makeRoots(opened, config, folder, made);
  await makeGenerations(opened, config, offline, made);
  for (const root of offline.values()) await firstCrl(opened, root);
}

type OfflineRoots = ReadonlyMap<string, OfflineRoot>;

async function makeRoots(
  opened: OpenedData,
  config: Configuration,
  folder: RootFolder | undefined,
  made: string[],
): Promise<OfflineRoots> {
  const { authority, clock, store } = opened;
  const offline = new Map<string, OfflineRoot>();
  for (const line of new Set(config.issuers.map((issuer) => issuer.root))) {
    if (authority.rootsOf(line).length > 0) {
      const away = await openAgain(opened, line, folder);
      if (away !== undefined) offline.set(away.name, away);
      continue;
    }
    const now = clock.now();
    const plan = { line, number: 1, trustDomain: config.trustDomain, now };
    const away = await folder?.ensure({ ...plan, statusUrl: config.externalUrl.status.url });
    if (away !== undefined) offline.set(away.name, away);
    const keyId = `root-${line}`;
    const certificate = away?.certificate ?? (await signRoot(opened, config, line, keyId));
    await store.authorities.addRoot(
      {
        ...{ name: line, line, number: 1, certificate, preparedAt: now, activatedAt: now, retiredAt: null },
        keyId: away === undefined ? keyId : null,
      },
      [initDraft(opened, 'ca.certificate.issued', issuedDetails('root', line, keyId, certificate))],
    );
    made.push(away === undefined ? `root ${line}` : `root ${line} (offline)`);
    authority.reload();
  }
  return offline;
}

/** A root that went away before is used where its key is at hand: for issuers that came later, or a run that was cut off. */
async function openAgain(
  { authority }: OpenedData,
  line: string,
  folder: RootFolder | undefined,
): Promise<OfflineRoot | undefined> {
  const { current } = authority.rootSlots(line);
  if (current?.keyId !== null) return undefined;
  const away = await folder?.open(current.name);
  return away !== undefined && equal(away.certificate, current.certificate.raw) ? away : undefined;
}

async function signRoot(
  { keys, random, clock }: OpenedData,
  { trustDomain }: Configuration,
  root: string,
  keyId: string,
): Promise<Bytes> {
  const { publicKey } = await ensureKey(keys, keyId, 'ecdsa-p384');
  const serial = newSerial(random);
  return signCaCertificate(
    caSigner(keys),
    keyId,
    prepareRoot({ root, serial, publicKey, trustDomain, now: clock.now() }),
  );
}

async function makeGenerations(
  opened: OpenedData,
  config: Configuration,
  offline: OfflineRoots,
  made: string[],
): Promise<void> {
  const { authority, keys, clock, store } = opened;
  for (const { name, root: line, bounds } of config.issuers) {
    if (authority.generations(name).length > 0 || authority.pendingOf(name) !== undefined) continue;
    const root = authority.rootSlots(line).current;
    if (root === undefined) throw new ChanceryError('internal', `no root ${line}`);
    const away = offline.get(root.name);
    if (root.keyId === null && away === undefined) {
      await requester(opened, config).prepare(name, INIT);
      made.push(`request for issuer ${name}: its root is offline`);
      continue;
    }
    const id = generationId(name, 1);
    await ensureKey(keys, id, 'ecdsa-p256');
    const now = clock.now();
    const certificate = signGeneration(opened, config, { id, root, bounds }, away);
    away?.log.append(certificateEntry(certificate, now));
    await store.authorities.addGeneration(
      {
        ...{ id, issuer: name, root: root.name, number: 1, keyId: id, certificate, shards: SHARDS },
        ...{ preparedAt: now, activatedAt: now, retiredAt: null, stopped: null },
      },
      [initDraft(opened, 'ca.certificate.issued', issuedDetails('generation', id, id, certificate))],
    );
    made.push(`issuer ${name}`);
    authority.reload();
  }
}

function signGeneration(
  { keys, random, clock }: OpenedData,
  config: Configuration,
  { id, root, bounds }: { id: string; root: Root; bounds: IssuerBounds | undefined },
  away: OfflineRoot | undefined,
): Bytes {
  const prepared = prepareGeneration({
    id,
    root,
    serial: newSerial(random),
    publicKey: keys.open(id).publicKey,
    trustDomain: config.trustDomain,
    urls: statusUrls(config.externalUrl.status.url),
    now: clock.now(),
    bounds,
  });
  return signCaCertificate(caSigner(away?.keys ?? keys), root.keyId ?? `root-${root.name}`, prepared);
}

/** Of a root that goes away: later ones come from where it is. */
async function firstCrl(opened: OpenedData, away: OfflineRoot): Promise<void> {
  const { authority, clock, store } = opened;
  const root = authority.root(away.name);
  if (root === undefined || store.crls.crls().some((crl) => crl.root === away.name)) return;
  const now = clock.now();
  const prepared = PreparedCrl.of({
    issuer: root,
    number: nextCrlNumber(undefined, now),
    now,
    entries: new Uint8Array(0),
  });
  const der = signCrl(crlSigner(away.keys), away.key.id, prepared);
  const { number, thisUpdate, nextUpdate } = prepared;
  away.log.append({
    time: formatInstant(now),
    kind: 'crl',
    number: String(number),
    nextUpdate: formatInstant(nextUpdate),
    entries: 0,
  });
  await store.crls.put({ root: away.name, number, thisUpdate, nextUpdate, der }, [
    initDraft(opened, 'crl.issued', {
      root: away.name,
      number: String(number),
      nextUpdate: formatInstant(nextUpdate),
    }),
  ]);
}

function requester(opened: OpenedData, config: Configuration): Hierarchy {
  const { clock, random, keys, authority, store } = opened;
  return new Hierarchy({
    ...{ clock, random, keys, authority, trustDomain: config.trustDomain },
    urls: statusUrls(config.externalUrl.status.url),
    authorities: store.authorities,
    inventory: store.inventory,
    journal: store.journal,
    guard: () => undefined,
    guardClock: () => undefined,
    published: () => Promise.resolve(),
    changed: () => Promise.resolve(),
  });
}
