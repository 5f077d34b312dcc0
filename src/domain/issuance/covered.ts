/** Whether a caller's grants reach a certificate that there is: to read it, to revoke it. */
import { type Ask, decide, type Decision, DENY_BY_DEFAULT, grantOfEveryName } from '../identity/authorize.ts';
import type { Grant, Verb } from '../identity/grant.ts';
import { type Principal, principalIds } from '../identity/principal.ts';
import { isReserved, type TrustDomain } from '../identity/spiffe-id.ts';
import type { CertificateRecord } from './ports.ts';

export interface Coverage {
  readonly decision: Decision;
  /** What was asked, to word a refusal with. */
  readonly ask: Ask;
}

/** `grants`: those that decide for the principal (`GrantBook.of`). */
export function coverage(
  grants: readonly Grant[],
  principal: Principal,
  verb: Verb,
  { issuer, profile, names }: Pick<CertificateRecord, 'issuer' | 'profile' | 'names'>,
  trustDomain: TrustDomain,
): Coverage {
  const ask: Ask = { principalIds: principalIds(principal), verb, issuer, profile, names };
  // reserved names are the authority's own, and in no grant, and a certificate without names would be in every one:
  // who holds the verb on everything else of an issuer holds it on these
  const own =
    names.length === 0 || names.some(({ kind, value }) => kind === 'uri' && isReserved(value, trustDomain));
  if (!own) return { decision: decide(grants, ask, trustDomain), ask };
  const rule = grantOfEveryName(grants, principal, { verb, issuer, profile }, trustDomain)?.name;
  return {
    decision: rule === undefined ? { allowed: false, rule: DENY_BY_DEFAULT } : { allowed: true, rule },
    ask,
  };
}
