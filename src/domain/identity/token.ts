/** One-time enrolment tokens: a secret that stands for certain names, for a while, so many times. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import { builtinGrant, type Grant } from './grant.ts';
import { type Name, toNameLists } from './names.ts';
import type { Principal } from './principal.ts';

export interface Token {
  /** Public: how the token is listed, revoked, and named in the audit log. */
  readonly id: string;
  readonly issuer: string;
  readonly profile: string;
  readonly names: readonly Name[];
  /** Longest life of its certificates; `null`: as the profile has it. */
  readonly maxTtl: Duration | null;
  readonly uses: number;
  readonly expiresAt: Instant;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly owner: string | null;
}

export interface StoredToken extends Token {
  readonly used: number;
  readonly revokedAt: Instant | null;
}

export const TOKEN_STATES = ['usable', 'spent', 'expired', 'revoked'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

export function tokenState({ used, uses, expiresAt, revokedAt }: StoredToken, now: Instant): TokenState {
  if (revokedAt !== null) return 'revoked';
  if (now > expiresAt) return 'expired';
  return used >= uses ? 'spent' : 'usable';
}

export const MAX_TOKEN_LIFE: Duration = 30 * 24 * 3_600_000;
export const MAX_TOKEN_USES = 10_000;

/** What a token lets its holder do: ask for its names, nothing else. */
export const tokenGrant = ({ id, issuer, profile, names, maxTtl }: Token): Grant =>
  builtinGrant(`token:${id}`, `token:${id}`, {
    verbs: ['issue'],
    issuer,
    profiles: [profile],
    ...toNameLists(names),
    ...(maxTtl === null ? {} : { maxTtl: formatDuration(maxTtl) }),
  });

/** The grants that decide for a principal: a token's holder has the token's and no other. */
export const grantsOf = (principal: Principal, grants: readonly Grant[]): readonly Grant[] =>
  principal.kind === 'token' ? [tokenGrant(principal.token)] : grants;

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

export const tokenSpent = (id: string): ChanceryError =>
  new ChanceryError('token_spent', {
    message: `the token ${id} was used as often as it may be`,
    rule: 'a use is claimed with the certificate that it stands for: who loses the race gets nothing',
    fix: 'Ask an operator for a new one: `chancery token create`.',
  });
