/** What the audit log says of a request for a certificate. */
import type { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { AuditDraft, AuditEvent, Outcome } from '../audit/entry.ts';
import { formatNameKey, type Name } from '../identity/names.ts';
import { principalId } from '../identity/principal.ts';
import type { IssuanceRequest } from './request.ts';
import { hasLabels } from './labels.ts';
import type { CertificateRecord } from './ports.ts';
import type { Proof } from './possession.ts';

/** Facts that become known on the way; a refusal is audited with as many of them as there were. */
export interface Progress {
  issuer?: string;
  names?: readonly Name[];
  rule?: string;
}

type Details = AuditDraft['details'];

export function issuanceDraft(
  time: Instant,
  { principal, door }: IssuanceRequest,
  event: AuditEvent,
  outcome: Outcome,
  details: Details,
): AuditDraft {
  return {
    time,
    event,
    outcome,
    principal: principalId(principal),
    door: door.name,
    requestId: door.requestId,
    ...(door.address === undefined ? {} : { address: door.address }),
    details,
  };
}

export const issuedDetails = (record: CertificateRecord, proof: Proof): Details => ({
  serial: record.serial,
  issuer: record.issuer,
  generation: record.generation,
  profile: record.profile,
  names: record.names.map(formatNameKey),
  rule: record.rule,
  notBefore: formatInstant(record.notBefore),
  notAfter: formatInstant(record.notAfter),
  key: record.keyFingerprint,
  keyMade: 'makeHere' in proof ? 'here' : 'by the caller',
  ...(record.renews === null ? {} : { renews: record.renews }),
  ...(record.owner === null ? {} : { owner: record.owner }),
  ...(hasLabels(record.labels) ? { labels: record.labels } : {}),
});

export const progressDetails = (request: IssuanceRequest, { issuer, names, rule }: Progress): Details => ({
  issuer: issuer ?? request.issuer ?? null,
  profile: request.profile.slice(0, 100),
  names: (names ?? request.names ?? []).map(formatNameKey),
  ...(rule === undefined ? {} : { rule }),
});

export const refusalDetails = (
  request: IssuanceRequest,
  progress: Progress,
  error: ChanceryError,
): Details => ({
  ...progressDetails(request, progress),
  code: error.code,
  reason: error.detail.message.slice(0, 500),
  brokenRule: error.detail.rule?.slice(0, 500) ?? null,
});
