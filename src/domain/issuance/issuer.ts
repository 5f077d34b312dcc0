/** Issuers and their generations. What a generation is now is computed from facts, never stored. */
import { type Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { type NameConstraints, readNameConstraints } from '../../x509/name-constraints.ts';
import { OID } from '../../x509/oids.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';

/** What the configuration says of an issuer. */
export interface IssuerPolicy {
  readonly name: string;
  /** Line of the root that certifies its generations: `workload`, `internal`. */
  readonly root: string;
  readonly profiles: readonly string[];
  /** Whether its certificates log in at this server. */
  readonly authenticates: boolean;
  /** Put into the certificates of its generations. */
  readonly bounds?: IssuerBounds | undefined;
}

/** What an issuer may certify at most. */
export interface IssuerBounds {
  /** How many CAs may stand below it; 0 by default. */
  readonly pathLength?: number | undefined;
  readonly nameConstraints?: NameConstraints | undefined;
}

/** Facts about one root, as they are stored. */
export interface RootFacts {
  /** `internal`; its successors are `internal-r2`, `internal-r3`. */
  readonly name: string;
  /** What the configuration calls it: the name of the first one. */
  readonly line: string;
  readonly number: number;
  /** `null` where the key is not here: the root is offline. */
  readonly keyId: string | null;
  readonly certificate: Bytes;
  /** Since when it is in every bundle. */
  readonly preparedAt: Instant;
  readonly activatedAt: Instant | null;
  readonly retiredAt: Instant | null;
}

/** A self-signed trust anchor. */
export interface Root extends Omit<RootFacts, 'certificate'> {
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
}

/** Facts about one generation, as they are stored. */
export interface GenerationFacts {
  /** `servers-1` */
  readonly id: string;
  readonly issuer: string;
  readonly root: string;
  readonly number: number;
  readonly keyId: string;
  readonly certificate: Bytes;
  /** CRL shards that its certificates are spread over. */
  readonly shards: number;
  /** Since when it is published. */
  readonly preparedAt: Instant;
  readonly activatedAt: Instant | null;
  readonly retiredAt: Instant | null;
  /** Set when a self-check failed: nothing is signed any more until an operator has looked. */
  readonly stopped: string | null;
  /** It was imported, and what it did elsewhere is not known yet: a CRL would take back what it revoked there. */
  readonly crlsHeldBack?: boolean;
}

/** A generation ready to issue. */
export interface Generation extends Omit<GenerationFacts, 'certificate'> {
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
  readonly subjectKeyIdentifier: Bytes;
  /** What it and its root say of the names below them. */
  readonly nameConstraints: readonly NameConstraints[];
  /** When its root revoked its certificate; `null` for never. It signs no leaf, and what it signed logs in nowhere. */
  readonly revokedAt: Instant | null;
}

/** A generation whose key is here and whose certificate is awaited from an offline root. */
export interface PendingGeneration {
  /** `servers-2` */
  readonly id: string;
  readonly issuer: string;
  /** Name of the root that is asked. */
  readonly root: string;
  readonly number: number;
  readonly keyId: string;
  /** DER of the certificate request (PKCS#10). */
  readonly csr: Bytes;
  readonly createdAt: Instant;
}

/** `root` is the one that signed it, where that bounds the names below it; `revoked` says whether it took that back. */
export function openGeneration(
  facts: GenerationFacts,
  root?: Pick<Root, 'certificate'>,
  revoked: (root: string, serial: Bytes) => Instant | null = () => null,
): Generation {
  const certificate = readCertificate(facts.certificate);
  return {
    ...facts,
    certificate,
    publicKey: readPublicKey(certificate.spki),
    subjectKeyIdentifier: requireSki(certificate),
    nameConstraints: [root?.certificate, certificate].flatMap(constraintsOf),
    revokedAt: revoked(facts.root, certificate.serial),
  };
}

function constraintsOf(certificate: Certificate | undefined): NameConstraints[] {
  const extension = certificate && findExtension(certificate, OID.nameConstraints);
  return extension === undefined ? [] : [readNameConstraints(extension.value)];
}

export function openRoot(facts: RootFacts): Root {
  const certificate = readCertificate(facts.certificate);
  return { ...facts, certificate, publicKey: readPublicKey(certificate.spki) };
}

function requireSki(certificate: Certificate): Bytes {
  const extension = findExtension(certificate, OID.subjectKeyIdentifier);
  if (extension === undefined) throw new Error('a CA certificate without subjectKeyIdentifier');
  return readSubjectKeyIdentifier(extension.value);
}

/** Where relying parties find what this authority publishes (RFC 5280 4.2.1.13, 4.2.2.1). */
export interface StatusUrls {
  readonly crlShard: (generation: string, shard: number) => string;
  /** The complete CRL of a generation: no certificate names it. */
  readonly crlFull: (generation: string) => string;
  readonly crlRoot: (root: string) => string;
  readonly ocsp: string;
  /** Certificate of a generation or a root. */
  readonly certificate: (id: string) => string;
}

export function statusUrls(base: string): StatusUrls {
  return {
    crlShard: (generation, shard) => `${base}/crl/${generation}/${shard}.crl`,
    crlFull: (generation) => `${base}/crl/${generation}/full.crl`,
    crlRoot: (root) => `${base}/crl/${root}.crl`,
    ocsp: `${base}/ocsp`,
    certificate: (id) => `${base}/issuers/${id}.crt`,
  };
}
