/**
 * CRLs along a path (RFC 5280 6.3), for the lists that were handed in. Indirect CRLs are refused; a delta counts on
 * top of a complete list. An issuer without any list is passed over, unless every certificate must be covered; one
 * with lists of which none is fit fails the path, since somebody meant it to be checked. A certificate with noRevAvail
 * (RFC 9608) needs no list.
 */
import { formatInstant, type Instant } from '../../base/clock.ts';
import { formatName } from '../../x509/name.ts';
import { ALL_REASONS } from '../../x509/distribution-point.ts';
import { verifySignature } from '../../x509/signature.ts';
import type { Candidate } from './candidate.ts';
import type { Crl } from './crl.ts';
import type { Fault, RevocationStatus } from './result.ts';
import type { PlacedFault } from './validate.ts';

export interface RevocationRules {
  readonly crls: readonly Crl[];
  readonly mode: 'given' | 'required';
  readonly at: Instant;
  /** Certificates with this subject that might sign CRLs in its name. */
  readonly withSubject: (subjectKey: string) => readonly Candidate[];
  /** Whether `signer` hangs validly below the path `above`, anchor first. */
  readonly isTrusted: (above: readonly Candidate[], signer: Candidate) => boolean;
  /** Counted signature checks: `false` once there were too many. */
  readonly mayVerify: () => boolean;
}

const fault = (code: Fault['code'], reason: string, rule = 'RFC 5280 6.3.3'): Fault => ({
  code,
  reason,
  rule,
});

export type Revocation = { readonly statuses: readonly RevocationStatus[] } | { readonly fault: PlacedFault };

/** What the lists say of a path, anchor first; the statuses come in the same order. */
export function checkRevocation(path: readonly Candidate[], rules: RevocationRules): Revocation {
  const statuses: RevocationStatus[] = ['anchor'];
  for (const [i, candidate] of path.entries()) {
    if (i === 0) continue;
    const status = statusOf(path.slice(0, i), candidate, rules, []);
    if (typeof status !== 'string') return { fault: { ...status, certificate: candidate } };
    statuses.push(status);
  }
  return { statuses };
}

/** `pending`: signers whose own status is being asked; none of them may vouch for itself. */
function statusOf(
  above: readonly Candidate[],
  candidate: Candidate,
  rules: RevocationRules,
  pending: readonly Candidate[],
): RevocationStatus | Fault {
  const own = rules.crls.filter(({ issuerKey }) => isAbout(candidate, issuerKey));
  const issuer = formatName(candidate.certificate.issuer);
  // RFC 9608 4: nobody has to know anything of it; what a list says all the same is believed
  const exempt = candidate.decoded.noRevAvail === true;
  if (own.length === 0 && exempt) return 'not-published';
  if (own.length === 0)
    return rules.mode === 'required' ? fault('crl_missing', `there is no CRL of ${issuer}`) : 'not-checked';

  const complaints: string[] = [];
  const fit = own.filter((crl) => {
    const complaint = crl.unfitness(rules.at) ?? signatureFault(crl, above, rules, pending);
    if (complaint !== undefined) complaints.push(`${crl.describe()}: ${complaint}`);
    return complaint === undefined;
  });
  if (complaints.length > 0 && fit.length === 0 && !exempt)
    return fault('crl_unusable', `no CRL of ${issuer} can be used: ${complaints[0] ?? ''}`);

  const covered = new Set<number>();
  for (const complete of fit.filter(({ facts }) => facts.base === undefined)) {
    const reasons = complete.reasonsFor(candidate);
    if (reasons.length === 0) continue;
    const entry = entryWithDeltas(complete, fit, candidate);
    if (entry !== undefined)
      return fault(
        'revoked',
        `revoked at ${formatInstant(entry.revokedAt)}, reason ${entry.reason}`,
        'RFC 5280 6.1.3 (a)(3)',
      );
    for (const reason of reasons) covered.add(reason);
  }
  if (exempt) return 'not-published';
  return ALL_REASONS.every((reason) => covered.has(reason))
    ? 'good'
    : fault(
        'crl_scope',
        `no CRL of ${issuer} that was given covers this certificate for all reasons`,
        'RFC 5280 5.2.5, 6.3.3 (b)',
      );
}

/** Lists of the issuer, and those of whom the certificate names in its place: these are indirect and then refused. */
const isAbout = ({ issuerKey, decoded }: Candidate, crlIssuer: string): boolean =>
  crlIssuer === issuerKey ||
  decoded.distributionPoints?.some(({ crlIssuer: named }) => named?.includes(`directory:${crlIssuer}`)) ===
    true;

/** The entry of a complete list as the newest fitting delta changes it. */
function entryWithDeltas(
  complete: Crl,
  fit: readonly Crl[],
  { certificate: { serial } }: Candidate,
): ReturnType<Crl['entryOf']> {
  const delta = fit
    .filter(({ facts: { base, number, scopeOctets } }) => {
      const { facts } = complete;
      return (
        base !== undefined &&
        base <= facts.number &&
        number > facts.number &&
        scopeOctets === facts.scopeOctets
      );
    })
    .sort((a, b) => (a.facts.number < b.facts.number ? 1 : -1))[0];
  const changed = delta?.entryOf(serial);
  if (changed === undefined) return complete.entryOf(serial);
  return changed.reason === 'removeFromCRL' ? undefined : changed;
}

/** Why nobody who may sign this CRL signed it. */
function signatureFault(
  crl: Crl,
  above: readonly Candidate[],
  rules: RevocationRules,
  pending: readonly Candidate[],
): string | undefined {
  const inPath = above.filter(({ subjectKey }) => subjectKey === crl.issuerKey).reverse();
  const outside = rules
    .withSubject(crl.issuerKey)
    .filter((signer) => !inPath.includes(signer) && !pending.includes(signer));
  let complaint = 'its signature is not by the issuer';
  for (const signer of [...inPath, ...outside]) {
    if (!signs(signer, crl, rules)) continue;
    const { keyUsage } = signer.decoded;
    if (keyUsage !== undefined && !keyUsage.includes('cRLSign'))
      complaint = 'its signer has no cRLSign in its keyUsage';
    else if (inPath.includes(signer)) return undefined;
    else if (keyUsage !== undefined && isSoundSigner(signer, above, rules, pending)) return undefined;
    else complaint = 'its signer is not trusted';
  }
  return complaint;
}

function signs({ publicKey }: Candidate, { list }: Crl, rules: RevocationRules): boolean {
  if ('fault' in publicKey || !rules.mayVerify()) return false;
  return verifySignature(list.signatureAlgorithm, list.tbs, list.signature, publicKey);
}

/** A signer beside the path: certified by somebody on it, and not revoked itself. */
function isSoundSigner(
  signer: Candidate,
  above: readonly Candidate[],
  rules: RevocationRules,
  pending: readonly Candidate[],
): boolean {
  for (let i = above.length; i > 0; i--) {
    const path = above.slice(0, i);
    if (path.at(-1)?.subjectKey !== signer.issuerKey || !rules.isTrusted(path, signer)) continue;
    if (typeof statusOf(path, signer, rules, [...pending, signer]) === 'string') return true;
  }
  return false;
}
