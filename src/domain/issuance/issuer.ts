/** Issuers and their generations. What a generation is now is computed from facts, never stored. */
import { type Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';

/** What the configuration says of an issuer. */
export interface IssuerPolicy {
  readonly name: string;
  /** Name of the root that certifies its generations. */
  readonly root: string;
  readonly profiles: readonly string[];
  /** Whether its certificates log in at this server. */
  readonly authenticates: boolean;
}

/** A self-signed trust anchor. */
export interface Root {
  /** `workload`, `internal`. */
  readonly name: string;
  readonly keyId: string;
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
  readonly activatedAt: Instant | null;
  readonly retiredAt: Instant | null;
  /** Set when a self-check failed: nothing is signed any more until an operator has looked. */
  readonly stopped: string | null;
}

/** A generation ready to issue. */
export interface Generation extends Omit<GenerationFacts, 'certificate'> {
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
  readonly subjectKeyIdentifier: Bytes;
}

export type GenerationState = 'next' | 'current' | 'retired';

export function generationState(
  facts: Pick<GenerationFacts, 'activatedAt' | 'retiredAt'>,
  now: Instant,
): GenerationState {
  if (facts.retiredAt !== null && facts.retiredAt <= now) return 'retired';
  return facts.activatedAt !== null && facts.activatedAt <= now ? 'current' : 'next';
}

export function openGeneration(facts: GenerationFacts): Generation {
  const certificate = readCertificate(facts.certificate);
  return {
    ...facts,
    certificate,
    publicKey: readPublicKey(certificate.spki),
    subjectKeyIdentifier: requireSki(certificate),
  };
}

export function openRoot(facts: {
  readonly name: string;
  readonly keyId: string;
  readonly certificate: Bytes;
}): Root {
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
  readonly crlRoot: (root: string) => string;
  readonly ocsp: string;
  /** Certificate of a generation or a root. */
  readonly certificate: (id: string) => string;
}

export function statusUrls(base: string): StatusUrls {
  return {
    crlShard: (generation, shard) => `${base}/crl/${generation}/${shard}.crl`,
    crlRoot: (root) => `${base}/crl/${root}.crl`,
    ocsp: `${base}/ocsp`,
    certificate: (id) => `${base}/issuers/${id}.crt`,
  };
}
