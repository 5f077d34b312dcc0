/** Values of the domain as the resources of openapi.yaml. */
import type { CertificateDetail, CertificateSummary, IssuedCertificate } from '../../../api/certificates.ts';
import { formatInstant, type Instant } from '../../../base/clock.ts';
import { toNameLists } from '../../../domain/identity/names.ts';
import { hasLabels } from '../../../domain/issuance/labels.ts';
import type { Generation } from '../../../domain/issuance/issuer.ts';
import {
  type CertificateRecord,
  certificateState,
  type Inventory,
  type StoredCertificate,
} from '../../../domain/issuance/ports.ts';
import { CRL_REASONS } from '../../../x509/crl.ts';
import type { StoredRevocation } from '../../../domain/revocation/ports.ts';
import { encodePem } from '../../../x509/pem.ts';
import type { AuthorityView } from '../ports.ts';

export const certificatePem = (der: Uint8Array): string => encodePem('CERTIFICATE', der);

/** Chains and anchors hardly ever change: their PEM is made once per generation, which is another object once they did. */
const chains = new WeakMap<Generation, { readonly chain: string[]; readonly roots: string[] }>();

export function chainOf(
  authority: AuthorityView,
  generation: Generation,
): { readonly chain: string[]; readonly roots: string[] } {
  let found = chains.get(generation);
  if (found === undefined) {
    const line = authority.root(generation.root)?.line;
    found = {
      chain: [certificatePem(generation.certificate.raw)],
      roots:
        line === undefined
          ? []
          : authority.bundle(line).map(({ certificate }) => certificatePem(certificate.raw)),
    };
    chains.set(generation, found);
  }
  return found;
}

export const renderIssued = (
  authority: AuthorityView,
  record: CertificateRecord,
  generation: Generation,
): IssuedCertificate => ({
  serial: record.serial,
  certificate: certificatePem(record.der),
  ...chainOf(authority, generation),
  notBefore: formatInstant(record.notBefore),
  notAfter: formatInstant(record.notAfter),
  issuer: record.issuer,
  generation: record.generation,
  profile: record.profile,
  names: toNameLists(record.names) as IssuedCertificate['names'],
  rule: record.rule,
});

export const renderSummary = (stored: StoredCertificate, now: Instant): CertificateSummary => ({
  serial: stored.serial,
  fingerprint: stored.fingerprint,
  issuer: stored.issuer,
  generation: stored.generation,
  profile: stored.profile,
  principal: stored.principal,
  rule: stored.rule,
  names: toNameLists(stored.names) as CertificateSummary['names'],
  notBefore: formatInstant(stored.notBefore),
  notAfter: formatInstant(stored.notAfter),
  issuedAt: formatInstant(stored.issuedAt),
  state: certificateState(stored, now),
  keyFingerprint: stored.keyFingerprint,
  ...(stored.presentedAt === null ? {} : { lastPresentedAt: formatInstant(stored.presentedAt) }),
  ...(stored.revokedAt === null ? {} : { revokedAt: formatInstant(stored.revokedAt) }),
  ...(stored.revocationReason === null
    ? {}
    : { revocationReason: CRL_REASONS[stored.revocationReason] ?? 'unspecified' }),
  ...(stored.renews === null ? {} : { renews: stored.renews }),
  ...(stored.owner === null ? {} : { owner: stored.owner }),
  ...(hasLabels(stored.labels) ? { labels: { ...stored.labels } } : {}),
});

export function renderDetail(
  authority: AuthorityView,
  stored: StoredCertificate,
  {
    revocation,
    renewal,
  }: {
    readonly revocation: StoredRevocation | undefined;
    readonly renewal: ReturnType<Inventory['renewal']>;
  },
  now: Instant,
): CertificateDetail {
  const generation = authority.generation(stored.generation);
  return {
    ...renderSummary(stored, now),
    certificate: certificatePem(stored.der),
    ...(generation === undefined ? { chain: [], roots: [] } : chainOf(authority, generation)),
    ...(renewal && { renewedBy: renewal.serial, lastRenewedAt: formatInstant(renewal.issuedAt) }),
    ...(revocation === undefined ? {} : { revocation: renderRevocation(revocation) }),
  };
}

const renderRevocation = ({
  revokedAt,
  reason,
  recordedAt,
  crlSeenAt,
  ocspSeenAt,
}: StoredRevocation): NonNullable<CertificateDetail['revocation']> => ({
  revokedAt: formatInstant(revokedAt),
  reason,
  recordedAt: formatInstant(recordedAt),
  ...(crlSeenAt === null ? {} : { crlSeenAt: formatInstant(crlSeenAt) }),
  ...(ocspSeenAt === null ? {} : { ocspSeenAt: formatInstant(ocspSeenAt) }),
});
