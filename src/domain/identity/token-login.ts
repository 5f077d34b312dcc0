/** Logging in with an enrolment token. */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { Grant } from './grant.ts';
import type { Principal } from './principal.ts';
import { type StoredToken, tokenGrant, tokenState } from './token.ts';

/**
 * The grants that decide for a principal: a token's holder has the token's and no other. An ACME account that was made
 * with an external key has what everybody's grants give it, within the names of that key.
 */
export function grantsOf(principal: Principal, grants: readonly Grant[]): readonly Grant[] {
  if (principal.kind === 'token') return [tokenGrant(principal.token)];
  const key = principal.kind === 'acme' ? principal.externalKey : undefined;
  if (key === undefined || key.names === null) return grants;
  const narrowedTo = { by: `the external account key ${key.id}`, patterns: key.names };
  return grants.map((grant) => ({ ...grant, narrowedTo }));
}

/**
 * Step 1 of the pipeline for tokens. `stored` was found by the hash of the secret, so whoever has it knew the secret.
 * A spent one still says who it is: its holder may ask again for an answer that was lost (Idempotency-Key); the use is
 * claimed in step 7. Throws `credential_rejected`, in the same words for an unknown and a wrong secret.
 */
export function authenticateToken(stored: StoredToken | undefined, now: Instant): Principal {
  if (stored === undefined)
    throw new ChanceryError('credential_rejected', {
      message: 'the token is not accepted',
      rule: 'a token is known here by the hash of its secret',
      fix: 'Ask an operator for a new one: `chancery token create`.',
    });
  const state = tokenState(stored, now);
  if (state === 'usable' || state === 'spent')
    return { kind: 'token', token: stored, spent: state === 'spent' };
  const when = state === 'revoked' ? formatInstant(stored.revokedAt ?? now) : formatInstant(stored.expiresAt);
  throw new ChanceryError('credential_rejected', {
    message: `the token ${stored.id} ${state === 'revoked' ? 'was revoked' : 'expired'} at ${when}`,
    rule: 'a token is used before it expires, and not after it was revoked',
    fix: 'Ask an operator for a new one: `chancery token create`.',
  });
}
