/** Why a leaf is revoked (RFC 5280 5.3.1): what may be said of one, and why the rest may not. */
import { ChanceryError } from '../../base/errors.ts';
import { CRL_REASONS, type CrlReason } from '../../x509/crl.ts';

export const LEAF_REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
] as const satisfies readonly CrlReason[];
export type LeafReason = (typeof LEAF_REASONS)[number];

/** Reasons of RFC 5280 that nobody gets here. */
const REFUSED: Readonly<Record<Exclude<CrlReason, LeafReason>, readonly [why: string, fix: string]>> = {
  certificateHold: [
    'a certificate is not put on hold: what was trusted again after a hold cannot be told from what always was',
    'Revoke it, and issue a new one when it is needed again.',
  ],
  removeFromCRL: [
    'a revocation is never taken back: relying parties keep CRLs and OCSP answers that nobody can call in',
    'Issue a new certificate.',
  ],
  cACompromise: [
    'it is a reason for CA certificates, and this is none',
    'Revoke with keyCompromise; for a CA, its root signs the CRL: `chancery ca sign-crl`.',
  ],
  aACompromise: [
    'it is a reason for attribute authorities (RFC 5755), and there are none here',
    'Revoke with keyCompromise.',
  ],
};

const isLeafReason = (text: string): text is LeafReason => (LEAF_REASONS as readonly string[]).includes(text);

/** Throws `revocation_refused` for a reason that is none for leaves, `invalid_request` for what is no reason at all. */
export function parseReason(text: string): LeafReason {
  if (isLeafReason(text)) return text;
  if ((CRL_REASONS as readonly (string | undefined)[]).includes(text)) {
    const [why, fix] = REFUSED[text as keyof typeof REFUSED];
    throw new ChanceryError('revocation_refused', {
      message: `nothing is revoked with the reason ${text}: ${why}`,
      rule: `reasons for leaves: ${LEAF_REASONS.join(', ')}`,
      fix,
    });
  }
  throw new ChanceryError('invalid_request', {
    message: `reason: ${JSON.stringify(text.slice(0, 80))} is no reason`,
    rule: `RFC 5280 5.3.1, spelled exactly: ${LEAF_REASONS.join(', ')}`,
    fix: 'Take one of these.',
  });
}
