/** Roots and generations as the resources of openapi.yaml. */
import type {
  CrlResource,
  GenerationResource,
  PendingResource,
  RootResource,
} from '../../../api/authority.ts';
import { formatInstant } from '../../../base/clock.ts';
import type { Generation, PendingGeneration, Root } from '../../../domain/issuance/issuer.ts';
import type { StoredCrl } from '../../../domain/revocation/crl.ts';
import { toHex } from '../../../x509/bytes.ts';
import {
  type Certificate,
  certificateFingerprint,
  findExtension,
  formatSerial,
} from '../../../x509/certificate.ts';
import { readBasicConstraints } from '../../../x509/extensions.ts';
import { formatSubtree, readNameConstraints } from '../../../x509/name-constraints.ts';
import { OID } from '../../../x509/oids.ts';
import { formatName } from '../../../x509/name.ts';
import { encodePem } from '../../../x509/pem.ts';
import type { PublicKey } from '../../../x509/public-key.ts';
import type { AuthorityView } from '../ports.ts';
import { certificatePem } from './render.ts';

const keyTypeOf = ({ type, bits }: PublicKey): string => (type === 'rsa' ? `rsa-${bits}` : type);

export const renderRoot = (authority: AuthorityView, root: Root): RootResource => {
  const { name, line, keyId, certificate, publicKey } = root;
  return {
    name,
    line,
    state: authority.rootState(root),
    offline: keyId === null,
    subject: formatName(certificate.subject),
    fingerprint: certificateFingerprint(certificate.raw),
    notBefore: formatInstant(certificate.notBefore),
    notAfter: formatInstant(certificate.notAfter),
    keyType: keyTypeOf(publicKey),
    certificate: certificatePem(certificate.raw),
  };
};

/** What the certificate says of the CAs and names below it. */
function boundsOf(
  certificate: Certificate,
): Pick<GenerationResource, 'maxPathLength' | 'permitted' | 'excluded'> {
  const basic = findExtension(certificate, OID.basicConstraints);
  const names = findExtension(certificate, OID.nameConstraints);
  const constraints = names && readNameConstraints(names.value);
  const pathLength = basic && readBasicConstraints(basic.value).pathLength;
  return {
    ...(pathLength !== undefined && { maxPathLength: pathLength }),
    permitted: constraints?.permitted.map(formatSubtree) ?? [],
    excluded: constraints?.excluded.map(formatSubtree) ?? [],
  };
}

export const renderGeneration = (authority: AuthorityView, generation: Generation): GenerationResource => ({
  id: generation.id,
  root: generation.root,
  state: authority.state(generation),
  ...(generation.stopped === null ? {} : { stopped: generation.stopped }),
  ...(generation.revokedAt === null ? {} : { revokedAt: formatInstant(generation.revokedAt) }),
  subject: formatName(generation.certificate.subject),
  serial: formatSerial(generation.certificate.serial),
  fingerprint: certificateFingerprint(generation.certificate.raw),
  subjectKeyIdentifier: toHex(generation.subjectKeyIdentifier),
  keyType: keyTypeOf(generation.publicKey),
  notBefore: formatInstant(generation.certificate.notBefore),
  notAfter: formatInstant(generation.certificate.notAfter),
  ...boundsOf(generation.certificate),
  shards: generation.shards,
  certificate: certificatePem(generation.certificate.raw),
});

export const renderPending = ({ id, root, csr, createdAt }: PendingGeneration): PendingResource => ({
  generation: id,
  root,
  csr: encodePem('CERTIFICATE REQUEST', csr),
  createdAt: formatInstant(createdAt),
});

export const renderCrl = ({ root, number, thisUpdate, nextUpdate }: StoredCrl): CrlResource => ({
  root,
  number: String(number),
  thisUpdate: formatInstant(thisUpdate),
  nextUpdate: formatInstant(nextUpdate),
});
