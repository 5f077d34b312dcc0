/** What the CA sent instead of what was asked for is refused here: another key, other names, a chain that is none. */
import { type Bytes, equal } from '../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../x509/certificate.ts';
import { readSubjectAltName } from '../x509/extensions.ts';
import { readName } from '../x509/name.ts';
import { OID } from '../x509/oids.ts';
import { decodePem } from '../x509/pem.ts';
import { readPublicKey } from '../x509/public-key.ts';
import { verifySignature } from '../x509/signature.ts';
import { AuthorityError } from './errors.ts';
import type { AcmeIdentifier } from './resources.ts';
import type { Wire } from './wire.ts';

export interface Chain {
  /** DER of the leaf. */
  readonly certificate: Bytes;
  /** DER, issuing CA first. */
  readonly chain: readonly Bytes[];
}

export interface Asked {
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  readonly identifiers: readonly AcmeIdentifier[];
  /** Common name that the chain should lead to. */
  readonly preferredChain: string | undefined;
}

const wrong = (detail: string): AuthorityError => new AuthorityError('protocol', { detail });

/** Downloads, chooses and checks. Throws `AuthorityError`. */
export async function fetchChain(wire: Wire, url: string, asked: Asked): Promise<Chain> {
  const { pem, alternates } = await wire.certificate(url);
  const first = readChain(pem, asked);
  if (asked.preferredChain === undefined || leadsTo(first, asked.preferredChain)) return first;
  for (const alternate of alternates) {
    const other = readChain((await wire.certificate(alternate)).pem, asked);
    if (leadsTo(other, asked.preferredChain)) return other;
  }
  // as certbot does: a certificate without the wished chain beats none
  return first;
}

export function readChain(pem: string, { spki, identifiers }: Asked): Chain {
  let certificates: Certificate[];
  try {
    certificates = decodePem(pem)
      .filter(({ label }) => label === 'CERTIFICATE')
      .slice(0, 10)
      .map(({ der }) => readCertificate(der, 'either'));
  } catch (cause) {
    throw new AuthorityError('protocol', { detail: 'the CA sent a chain that cannot be read', cause });
  }
  const [leaf, ...chain] = certificates;
  if (leaf === undefined) throw wrong('the CA sent an empty chain');
  if (!equal(leaf.spki, spki)) throw wrong('the CA certified another key than the one of the request');
  const names = namesOf(leaf);
  const wanted = identifiers.map(({ type, value }) => `${type}:${value.toLowerCase()}`).sort();
  if (names.join() !== wanted.join())
    throw wrong(`the CA certified ${names.join(', ') || 'no name'}, asked for was ${wanted.join(', ')}`);
  [leaf, ...chain].forEach((certificate, index) => {
    const issuer = chain[index];
    if (issuer === undefined) return;
    const sound =
      equal(certificate.issuer, issuer.subject) &&
      verifySignature(
        certificate.signatureAlgorithm,
        certificate.tbs.raw,
        certificate.signature,
        readPublicKey(issuer.spki),
      );
    if (!sound) throw wrong(`certificate ${index + 1} of the chain is not signed by the next one`);
  });
  return { certificate: leaf.raw, chain: chain.map(({ raw }) => raw) };
}

function namesOf(leaf: Certificate): string[] {
  const extension = findExtension(leaf, OID.subjectAltName);
  if (extension === undefined) return [];
  return readSubjectAltName(extension.value)
    .map(({ kind, value }) => (kind === 'other' ? kind : `${kind}:${value.toLowerCase()}`))
    .sort();
}

/** The last certificate is, or was issued by, somebody of this common name. */
function leadsTo({ certificate, chain }: Chain, commonName: string): boolean {
  const last = readCertificate(chain.at(-1) ?? certificate, 'either');
  return [last.issuer, last.subject].some((name) =>
    readName(name).some(({ type, value }) => type === OID.commonName && value === commonName),
  );
}
