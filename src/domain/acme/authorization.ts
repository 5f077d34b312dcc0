/** Authorizations and challenges (RFC 8555 7.1.4, 7.1.5). Their status is computed from facts and now, never stored. */
import { DAY, type Duration, type Instant } from '../../base/clock.ts';
import { type Bytes, concat, fromUtf8, sha256, toBase64Url } from '../../x509/bytes.ts';
import type { Name } from '../identity/names.ts';
import type { ValidationProblem, ValidationStep, ValidationType } from './validation-port.ts';

export type { ValidationType } from './validation-port.ts';

/** Facts about a challenge that its client has answered. */
export interface ChallengeAttempt {
  readonly type: ValidationType;
  readonly startedAt: Instant;
  readonly validatedAt: Instant | null;
  readonly failedAt: Instant | null;
  readonly problem: ValidationProblem | null;
  /** What the probe did. */
  readonly log: readonly ValidationStep[];
}

export interface AcmeAuthorization {
  readonly id: string;
  readonly issuer: string;
  readonly account: string;
  /** Without `*.`. */
  readonly name: Name;
  readonly wildcard: boolean;
  /** Secret until a challenge is shown: the tokens follow from it. */
  readonly seed: Bytes;
  readonly createdAt: Instant;
  /** Until when it can become valid. */
  readonly expiresAt: Instant;
  readonly deactivatedAt: Instant | null;
  /** The external account key that made a challenge unnecessary. */
  readonly preauthorizedBy: string | null;
  readonly attempts: readonly ChallengeAttempt[];
}

export type AuthorizationStatus = 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
export type ChallengeStatus = 'pending' | 'processing' | 'valid' | 'invalid';

export const AUTHORIZATION_LIFE: Duration = DAY;
/** How long somebody who has shown control of a name may speak for it, e.g. revoke its certificates (RFC 8555 7.6). */
export const VALID_LIFE: Duration = 30 * DAY;

/** Whether an external account key still vouches for its names. */
export type Vouches = (externalKey: string) => boolean;

export function authorizationStatus(
  authorization: AcmeAuthorization,
  now: Instant,
  vouches: Vouches,
): AuthorizationStatus {
  const { deactivatedAt, preauthorizedBy, attempts } = authorization;
  if (deactivatedAt !== null) return 'deactivated';
  if (preauthorizedBy !== null) {
    if (!vouches(preauthorizedBy)) return 'revoked';
    return now > authorization.expiresAt ? 'expired' : 'valid';
  }
  const validated = attempts.find(({ validatedAt }) => validatedAt !== null);
  if (validated !== undefined) return now > authorizationExpiry(authorization) ? 'expired' : 'valid';
  if (attempts.some(({ failedAt }) => failedAt !== null)) return 'invalid';
  return now > authorization.expiresAt ? 'expired' : 'pending';
}

/** Until when it is what it is. */
export function authorizationExpiry({ attempts, expiresAt }: AcmeAuthorization): Instant {
  const at = attempts.find(({ validatedAt }) => validatedAt !== null)?.validatedAt;
  return at === undefined || at === null ? expiresAt : at + VALID_LIFE;
}

export function challengeStatus(attempt: ChallengeAttempt | undefined): ChallengeStatus {
  if (attempt === undefined) return 'pending';
  if (attempt.validatedAt !== null) return 'valid';
  return attempt.failedAt === null ? 'processing' : 'invalid';
}

/** What can show control of a name (RFC 8555 7.1.3 for wildcards, RFC 8738 4 and 7 for addresses). */
export function challengeTypes({
  name,
  wildcard,
}: Pick<AcmeAuthorization, 'name' | 'wildcard'>): ValidationType[] {
  if (wildcard) return ['dns-01'];
  return name.kind === 'ip' ? ['http-01', 'tls-alpn-01'] : ['http-01', 'dns-01', 'tls-alpn-01'];
}

/** RFC 8555 8.1 asks for 128 bits of entropy: each challenge's token has 256, from the seed of its authorization. */
export const challengeToken = (seed: Bytes, type: ValidationType): string =>
  toBase64Url(sha256(concat([seed, fromUtf8(type)])));

export const SEED_OCTETS = 32;

export const keyAuthorization = (token: string, thumbprint: string): string => `${token}.${thumbprint}`;
