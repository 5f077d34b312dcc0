/** Publication, wired: what is published now, and a publisher for each place of the configuration. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Log } from '../base/log.ts';
import type { Configuration, PublicationConfiguration } from '../config/index.ts';
import { certificatePath, type PublishedObject, type SignAhead } from '../domain/revocation/publication.ts';
import type { CrlBundlePorts } from '../http/status/crl-bundle.ts';
import type { ServedCrl } from '../http/status/crl.ts';
import { folderTarget } from '../publication/folder.ts';
import { type PublicationHealth, Publisher } from '../publication/publisher.ts';
import { s3Target } from '../publication/s3.ts';
import type { PublicationTarget } from '../publication/target.ts';
import { S3Client } from '../s3/client.ts';
import { credentialsFile } from '../s3/credentials.ts';
import { type Bytes, sha256, toHex } from '../x509/bytes.ts';
import { encodePem } from '../x509/pem.ts';
import { CrlFolder } from './crl/files.ts';
import type { IssuerCrls } from './crls.ts';
import type { OpenedData } from './open.ts';
import type { Roots } from './roots.ts';

export interface PublicationOptions {
  readonly opened: Pick<OpenedData, 'authority' | 'clock' | 'store' | 'paths'>;
  readonly config: Pick<Configuration, 'publication' | 'trustDomain'>;
  readonly log: Log;
  readonly crls: Pick<IssuerCrls, 'view'>;
  readonly roots: Pick<Roots, 'crls'>;
  readonly bundle: CrlBundlePorts['bundle'];
  readonly signer: SignAhead;
}

export interface Publication {
  /** Called every second; returns at once. */
  tick(): void;
  health(): readonly PublicationHealth[];
  stop(): Promise<void>;
}

export function openPublication(options: PublicationOptions): Publication {
  const { opened, config, log, signer } = options;
  const { authority, clock, store } = opened;
  const publishers = config.publication.map(
    (place) =>
      new Publisher({
        target: placeOf(place, clock),
        clock,
        log,
        trustDomain: config.trustDomain,
        objects: () => publishedObjects(options),
        generations: () => authority.allGenerations().map(({ id }) => id),
        serials: store.publishable,
        signer,
        signAhead: place.ocsp,
      }),
  );
  return {
    tick() {
      for (const publisher of publishers) publisher.tick();
    },
    health: () => publishers.map((publisher) => publisher.health()),
    async stop() {
      await Promise.all(publishers.map((publisher) => publisher.stop()));
    },
  };
}

/** The place itself; whoever opens it closes it. */
export function placeOf(place: PublicationConfiguration, clock: OpenedData['clock']): PublicationTarget {
  if (place.kind === 'folder') return folderTarget(place.folder);
  const { bucket, region, prefix, endpoint, ca, credentials } = place.bucket;
  const client = new S3Client({
    ...{ bucket, region, endpoint, clock },
    ca: ca === undefined ? undefined : readFileSync(ca, 'utf8'),
    credentials: credentialsFile(credentials.file ?? ''),
  });
  return s3Target(client, prefix);
}

/** The certificates and CRLs that the status listener hands out, under its paths. */
export async function publishedObjects({
  opened: { authority, paths },
  crls,
  roots,
  bundle,
}: Pick<PublicationOptions, 'opened' | 'crls' | 'roots' | 'bundle'>): Promise<readonly PublishedObject[]> {
  const folder = new CrlFolder(paths.crls);
  const certificates = [
    ...authority.roots().map(({ name, certificate }) => [name, certificate.raw] as const),
    ...authority.allGenerations().map(({ id, certificate }) => [id, certificate.raw] as const),
  ];
  const issuers = [...new Set(authority.allGenerations().map(({ issuer }) => issuer))];
  return [
    ...certificates.map(([id, der]) => inMemory(certificatePath(id), 'application/pkix-cert', der)),
    ...crls.view().flatMap(({ generation, scope, crl }) =>
      crl === undefined
        ? []
        : {
            path: `crl/${generation}/${scope}.crl`,
            mediaType: CRL,
            version: crl.sha256,
            thisUpdate: crl.thisUpdate,
            nextUpdate: crl.nextUpdate,
            read: () => readFile(folder.path(crl)),
          },
    ),
    ...roots.crls().map(({ root, der, thisUpdate, nextUpdate }) => ({
      ...inMemory(`crl/${root}.crl`, CRL, der),
      ...{ thisUpdate, nextUpdate },
    })),
    ...(await Promise.all(issuers.map((issuer) => bundleObject(issuer, bundle)))),
  ];
}

const CRL = 'application/pkix-crl';

const inMemory = (path: string, mediaType: string, octets: Bytes): PublishedObject => ({
  ...{ path, mediaType },
  version: toHex(sha256(octets)),
  read: () => Promise.resolve(octets),
});

/** Where one of its CRLs is not to be had now, what was published stays. */
async function bundleObject(issuer: string, bundle: CrlBundlePorts['bundle']): Promise<PublishedObject> {
  const path = `crl/${issuer}.pem`;
  const mediaType = 'application/x-pem-file';
  const all = await bundle(issuer).catch(() => undefined);
  if (all === undefined)
    return { path, mediaType, version: undefined, read: () => Promise.reject(new Error('no CRLs')) };
  return {
    ...{ path, mediaType },
    version: all.map((crl) => crl.sha256).join(' '),
    thisUpdate: Math.max(...all.map(({ thisUpdate }) => thisUpdate)),
    nextUpdate: Math.min(...all.map(({ nextUpdate }) => nextUpdate)),
    async read() {
      const texts = [];
      for (const crl of all) texts.push(encodePem('X509 CRL', await octetsOf(crl)));
      return Buffer.from(texts.join(''));
    },
  };
}

const octetsOf = async ({ body }: ServedCrl): Promise<Bytes> =>
  typeof body === 'function' ? buffer(await body()) : body;
