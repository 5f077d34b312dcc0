/** What the keeper of an offline root runs, on a machine without a server: sign a request, sign the CRL. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatInstant, type Instant } from '../../base/clock.ts';
import { readCaRequest } from '../../domain/issuance/ca-request.ts';
import { prepareGeneration, signCaCertificate } from '../../domain/issuance/hierarchy.ts';
import { type IssuerBounds, openRoot, statusUrls } from '../../domain/issuance/issuer.ts';
import { newSerial } from '../../domain/issuance/serial.ts';
import { parseTrustDomain } from '../../domain/identity/spiffe-id.ts';
import { nextCrlNumber, PreparedCrl, signCrl } from '../../domain/revocation/crl.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import type { CrlReason } from '../../x509/crl.ts';
import { CrlEntries, encodeCrlEntry } from '../../x509/crl-writer.ts';
import type { CertificationRequest } from '../../x509/csr.ts';
import { readNameConstraints } from '../../x509/name-constraints.ts';
import { EMPTY_NAME, formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { caSigner, crlSigner } from '../signers.ts';
import { systemRandom } from '../world.ts';
import { certificateEntry, type OfflineRoot, openOfflineRoot, RootFolder } from './root-folder.ts';

export interface RootKey {
  readonly rootKey: string;
  readonly passphraseFile: string;
  readonly now: Instant;
}

export interface SignRequest extends RootKey {
  /** DER */
  readonly csr: Bytes;
  /** Name constraints that are left out are those that the request asks for. */
  readonly bounds: IssuerBounds;
  readonly life: Duration;
  /** Where CRL and certificate of the root are published, where that has changed since the root was made. */
  readonly statusUrl?: string | undefined;
}

export interface SignedRequest {
  readonly root: string;
  readonly certificate: Bytes;
}

/**
 * Signs what an issuer asks for as a CA certificate, linted and read back; on record beside the key before it is
 * returned. Throws `proof_of_possession_failed`, `lint_failed`, `issuer_expires_too_soon`, `wrong_passphrase`, …
 */
export async function signRequest(wanted: SignRequest): Promise<SignedRequest> {
  const request = readCaRequest(wanted.csr);
  const root = await openOfflineRoot(wanted.rootKey, wanted.passphraseFile);
  const opened = open(root);
  refuseName(request, opened.certificate.subject);
  const { now, life } = wanted;
  const prepared = prepareGeneration({
    id: formatName(request.subject),
    subject: request.subject,
    root: opened,
    serial: newSerial(systemRandom()),
    publicKey: request.publicKey,
    trustDomain: parseTrustDomain(root.trustDomain),
    urls: statusUrls(wanted.statusUrl ?? root.statusUrl),
    bounds: {
      pathLength: wanted.bounds.pathLength,
      nameConstraints: wanted.bounds.nameConstraints ?? askedConstraints(request),
    },
    ...{ now, life },
  });
  const certificate = signCaCertificate(caSigner(root.keys), root.key.id, prepared);
  root.log.append(certificateEntry(certificate, now));
  return { root: root.name, certificate };
}

const open = ({ name, line, number, certificate }: OfflineRoot) =>
  openRoot({
    ...{ name, line, number, certificate, keyId: null },
    ...{ preparedAt: 0, activatedAt: 0, retiredAt: null },
  });

function askedConstraints({ requestedExtensions }: CertificationRequest): IssuerBounds['nameConstraints'] {
  const asked = requestedExtensions.find(({ id }) => id === OID.nameConstraints);
  return asked && readNameConstraints(asked.value);
}

function refuseName({ subject }: CertificationRequest, root: Bytes): void {
  if (!equal(subject, root) && !equal(subject, EMPTY_NAME)) return;
  throw new ChanceryError('chain_rejected', {
    message: equal(subject, root) ? 'the request has the name of the root' : 'the request has no subject',
    rule: 'every CA has a name of its own (RFC 5280 4.1.2.6)',
    fix: 'Sign what `chancery issuer prepare` printed.',
  });
}

export interface MakeRoot extends RootKey {
  /** Left out: the one after the root's own. */
  readonly number?: number | undefined;
}

export interface MadeRoot {
  readonly name: string;
  readonly certificate: Bytes;
  /** Where the certificate lies. */
  readonly path: string;
}

/** Makes the successor of a root beside it, sealed under the same passphrase. One that lies there already is told again. */
export async function makeRoot({ rootKey, passphraseFile, now, number }: MakeRoot): Promise<MadeRoot> {
  const before = await openOfflineRoot(rootKey, passphraseFile);
  const folder = RootFolder.beside(rootKey, passphraseFile, systemRandom());
  const made = await folder.ensure({
    line: before.line,
    number: number ?? before.number + 1,
    trustDomain: parseTrustDomain(before.trustDomain),
    statusUrl: before.statusUrl,
    now,
  });
  return { name: made.name, certificate: made.certificate, path: folder.pathOf(made.name, 'pem') };
}

export interface Revocation {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly reason: CrlReason;
}

export interface SignRootCrl extends RootKey {
  readonly revoke: readonly Revocation[];
  /** Left out: the next one. */
  readonly number?: bigint | undefined;
}

export interface SignedCrl {
  readonly root: string;
  readonly number: bigint;
  readonly nextUpdate: Instant;
  readonly entries: number;
  readonly crl: Bytes;
}

/** Signs the root's CRL: what was revoked before, and what is revoked now. Throws `already_exists`, … */
export async function signRootCrl({ revoke, number, ...key }: SignRootCrl): Promise<SignedCrl> {
  const root = await openOfflineRoot(key.rootKey, key.passphraseFile);
  const { log } = root;
  const time = formatInstant(key.now);
  const before = log.entries.flatMap((entry) => (entry.kind === 'revocation' ? [entry] : []));
  for (const { serial } of revoke)
    if (before.some((entry) => entry.serial === serial)) throw revokedAlready(serial);
  const added = revoke.map(({ serial, reason }) => ({ time, kind: 'revocation' as const, serial, reason }));
  const entries = new CrlEntries();
  for (const { serial, reason, time: revokedAt } of [...before, ...added])
    entries.append(
      encodeCrlEntry({
        serial: Buffer.from(serial, 'hex'),
        revokedAt: Date.parse(revokedAt),
        reason: reason as CrlReason,
      }),
    );
  const prepared = PreparedCrl.of({
    issuer: open(root),
    number: chooseNumber(root, number, key.now),
    now: key.now,
    entries: entries.octets,
  });
  const crl = signCrl(crlSigner(root.keys), root.key.id, prepared);
  const count = before.length + added.length;
  log.append(...added, {
    ...{ time, kind: 'crl', number: String(prepared.number), entries: count },
    nextUpdate: formatInstant(prepared.nextUpdate),
  });
  return { root: root.name, number: prepared.number, nextUpdate: prepared.nextUpdate, entries: count, crl };
}

function chooseNumber({ log, name }: OfflineRoot, wanted: bigint | undefined, now: Instant): bigint {
  const numbers = log.entries.flatMap((entry) => (entry.kind === 'crl' ? [BigInt(entry.number)] : []));
  const last = numbers.reduce<bigint | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
  if (wanted === undefined) return nextCrlNumber(last, now);
  if (last === undefined || wanted > last) return wanted;
  throw new ChanceryError('already_exists', {
    message: `the number ${wanted} is not above ${last}, that of the last CRL of ${name}`,
    rule: 'RFC 5280 5.2.3: CRL numbers only rise',
    fix: 'Leave it to --number auto.',
  });
}

const revokedAlready = (serial: string): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `${serial} is on the list already`,
    rule: 'what is revoked stays revoked',
    fix: 'Leave it out.',
  });
