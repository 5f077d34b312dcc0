/** The roots that a verb is about, and what they are called in a store. */
import type { RootList, ServerInfo } from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Certificate, certificateFingerprint, readCertificate } from '../../x509/certificate.ts';
import { readName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { decodePemOne } from '../../x509/pem.ts';
import { fetchRoot, parseFingerprint } from '../bootstrap.ts';
import { withClient } from '../connect.ts';
import { type ContextOptions, parseServerUrl } from '../context.ts';
import type { Session } from '../session.ts';
import { type Entry, OURS } from './store.ts';

export interface RootOptions extends ContextOptions {
  readonly url?: string;
  readonly fingerprint?: readonly string[];
}

export interface TrustedRoot extends Entry {
  /** What the server calls it. */
  readonly root: string;
  readonly subject: string;
  readonly fingerprint: string;
  readonly pem: string;
}

export interface Roots {
  readonly trustDomain: string;
  readonly roots: readonly TrustedRoot[];
}

/** From the server that is known, or from one that only fingerprints vouch for. */
export async function findRoots(
  session: Session,
  options: RootOptions,
  name: string | undefined,
): Promise<Roots> {
  const { url, fingerprint = [] } = options;
  if ((url === undefined) !== (fingerprint.length === 0))
    throw new ChanceryError('usage', {
      message:
        url === undefined ? '--fingerprint is given without --url' : '--url is given without --fingerprint',
      rule: 'the first trust is a fingerprint that came another way',
      fix: 'Give both, or name a server that is known with --data, --context or --server.',
    });
  return url === undefined ? knownRoots(session, options, name) : fetchedRoots(url, fingerprint, name);
}

async function knownRoots(
  session: Session,
  options: ContextOptions,
  name: string | undefined,
): Promise<Roots> {
  return withClient(session, options, async (client) => {
    const [{ trustDomain }, { roots }] = [
      await client.get<ServerInfo>('/server'),
      await client.get<RootList>('/roots'),
    ];
    const wanted = roots.filter((root) =>
      name === undefined ? root.state !== 'retired' : root.name === name,
    );
    if (wanted.length === 0 && name !== undefined)
      throw new ChanceryError('not_found', {
        message: `there is no root "${name}"`,
        rule: `roots: ${roots.map((root) => root.name).join(', ')}`,
        fix: 'Name one of these, or leave it out.',
      });
    return {
      trustDomain,
      roots: wanted.map((root) => trustedRoot(root.certificate, trustDomain, root.name)),
    };
  });
}

async function fetchedRoots(
  url: string,
  fingerprints: readonly string[],
  name: string | undefined,
): Promise<Roots> {
  if (name !== undefined)
    throw new ChanceryError('usage', {
      message: `a name and --fingerprint are given`,
      fix: 'Leave the name out: the fingerprint says which root it is.',
    });
  const server = parseServerUrl(url);
  const roots: TrustedRoot[] = [];
  let trustDomain: string | undefined;
  for (const text of fingerprints) {
    const pem = await fetchRoot(server, parseFingerprint(text), '--url');
    const { organization, label } = partsOf(readPem(pem));
    trustDomain ??= organization ?? server.hostname;
    roots.push(trustedRoot(pem, trustDomain, label));
  }
  return { trustDomain: trustDomain ?? server.hostname, roots };
}

const readPem = (pem: string): Certificate => readCertificate(decodePemOne(pem, 'CERTIFICATE'), 'either');

function trustedRoot(pem: string, trustDomain: string, root: string): TrustedRoot {
  const certificate = readPem(pem);
  return {
    root,
    name: storeName(trustDomain, root),
    der: certificate.raw,
    subject: readName(certificate.subject)
      .map(({ value }) => value)
      .join(', '),
    fingerprint: certificateFingerprint(certificate.raw),
    pem,
  };
}

/** Characters that no file system, certutil or keytool minds; keytool has lower case only. */
const storeName = (trustDomain: string, root: string): string =>
  `${OURS}${trustDomain}-${root}`.toLowerCase().replace(/[^a-z0-9._-]/g, '_');

/** As `init` writes them: `CN=Chancery internal root, O=example.test`; of an imported one the fingerprint is the label. */
export function partsOf(certificate: Certificate): { organization: string | undefined; label: string } {
  const attributes = readName(certificate.subject);
  const value = (type: string): string | undefined => attributes.find((one) => one.type === type)?.value;
  const [, line, number] = /^Chancery ([\w-]+) root(?: (\d+))?$/.exec(value(OID.commonName) ?? '') ?? [];
  const label = line === undefined ? certificateFingerprint(certificate.raw).slice(0, 16) : line;
  return {
    organization: value(OID.organizationName),
    label: number === undefined ? label : `${label}-${number}`,
  };
}

/** Entries of one trust domain: `chancery-a-b` is of `a`, unless its subject says that it is of `a-b`. */
export function ofTrustDomain(entries: readonly Entry[], trustDomain: string): Entry[] {
  const begin = storeName(trustDomain, '');
  return entries.filter(({ name, der }) => {
    if (!name.startsWith(begin)) return false;
    if (der.length === 0) return true;
    const { organization } = partsOf(readCertificate(der, 'either'));
    return organization === undefined || !isTrustDomainOf(name, organization) || organization === trustDomain;
  });
}

const isTrustDomainOf = (name: string, organization: string): boolean =>
  name.startsWith(storeName(organization, ''));
