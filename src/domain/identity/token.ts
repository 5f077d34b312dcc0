/** One-time enrolment tokens: a secret that stands for certain names, for a while, so many times. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatDuration, type Instant } from '../../base/clock.ts';
import { builtinGrant, type Grant } from './grant.ts';
import type { Name } from './names.ts';
import { exactPattern } from './pattern.ts';

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

/** What a token lets its holder do: ask for its names, nothing else. A token for `*.example.test` is not one for `a.example.test`. */
export const tokenGrant = ({ id, issuer, profile, names, maxTtl, owner }: Token): Grant => ({
  ...builtinGrant(`token:${id}`, `token:${id}`, {
    verbs: ['issue'],
    issuer,
    profiles: [profile],
    ...(maxTtl === null ? {} : { maxTtl: formatDuration(maxTtl) }),
    ...(owner === null ? {} : { owner }),
  }),
  patterns: names.map(exactPattern),
});

export const tokenSpent = (id: string): ChanceryError =>
  new ChanceryError('token_spent', {
    message: `the token ${id} was used as often as it may be`,
    rule: 'a use is claimed with the certificate that it stands for: who loses the race gets nothing',
    fix: 'Ask an operator for a new one: `chancery token create`.',
  });
