/**
 * External account keys (RFC 8555 7.3.4): what an operator gives to somebody whose accounts shall be known. The names of
 * a key narrow what its accounts are granted and never add to it; some may skip the challenge while the key lasts.
 */
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { isObject } from '../../x509/strict-json.ts';
import { readFlattenedJws } from '../../x509/jws-json.ts';
import { type JwsKey, readJwsKey } from '../../x509/jws-key.ts';
import { isMacAlgorithm, MAC_ALGORITHMS, verifyMac } from '../../x509/jws-mac.ts';
import { parseStrictJson } from '../../x509/strict-json.ts';
import { NAME_KINDS } from '../../x509/general-name.ts';
import type { Name, NameLists } from '../identity/names.ts';
import { type NamePattern, nameMatches, parsePattern } from '../identity/pattern.ts';
import { AcmeProblem } from './problem.ts';

export interface ExternalKey {
  /** The key identifier (`kid`) that clients are given. */
  readonly id: string;
  readonly issuer: string;
  /** What an operator calls it. */
  readonly name: string;
  /** Patterns: the only names that its accounts can get; `null`: as their grants say. */
  readonly names: NameLists | null;
  /** Patterns: names that need no challenge. */
  readonly preauthorized: NameLists | null;
  /** The only profile that its accounts can get; `null`: any of the issuer's. */
  readonly profile: string | null;
  readonly expiresAt: Instant | null;
  /** How many accounts may be made with it; `null`: any number. */
  readonly uses: number | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
}

export interface StoredExternalKey extends ExternalKey {
  /** The MAC key, sealed. */
  readonly sealed: Bytes;
  readonly used: number;
  readonly revokedAt: Instant | null;
}

export const EXTERNAL_KEY_STATES = ['usable', 'spent', 'expired', 'revoked'] as const;
export type ExternalKeyState = (typeof EXTERNAL_KEY_STATES)[number];

export function externalKeyState(
  { used, uses, expiresAt, revokedAt }: StoredExternalKey,
  now: Instant,
): ExternalKeyState {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt !== null && now > expiresAt) return 'expired';
  return uses !== null && used >= uses ? 'spent' : 'usable';
}

/** A key that was used up still speaks for the accounts that were made with it. */
export const isAlive = (key: StoredExternalKey, now: Instant): boolean => {
  const state = externalKeyState(key, now);
  return state === 'usable' || state === 'spent';
};

/** The patterns of lists. Throws `invalid_name`. */
export const patternsOf = (lists: NameLists): NamePattern[] =>
  NAME_KINDS.flatMap((kind) => (lists[kind] ?? []).map((text) => parsePattern(kind, text)));

/** Whether a name of this account needs no challenge. */
export const isPreauthorized = (key: StoredExternalKey | undefined, name: Name, now: Instant): boolean =>
  key !== undefined &&
  key.preauthorized !== null &&
  isAlive(key, now) &&
  patternsOf(key.preauthorized).some((pattern) => nameMatches(pattern, name));

/** A binding that was read; its code has still to be looked at. */
export interface Binding {
  readonly keyId: string;
  /** Whether the code was made with this MAC key. */
  readonly verifies: (macKey: Bytes) => boolean;
}

/** Reads `externalAccountBinding`. Throws `malformed`, or `badSignatureAlgorithm`. */
export function readBinding(value: unknown, accountKey: JwsKey, url: string): Binding {
  const jws = readFlattenedJws(value);
  if ('fault' in jws) throw malformed(jws.fault);
  const { header, payload, signingInput, signature } = jws;
  const {
    alg,
    kid,
    url: bound,
  } = header as {
    readonly alg?: unknown;
    readonly kid?: unknown;
    readonly url?: unknown;
  };
  if (!isMacAlgorithm(alg))
    throw new AcmeProblem('badSignatureAlgorithm', {
      detail: `the external account binding is not signed with ${MAC_ALGORITHMS.join(', ')}`,
      algorithms: MAC_ALGORITHMS,
    });
  const own = ['nonce', 'jwk', 'crit', 'b64', 'zip'].find((member) => Object.hasOwn(header, member));
  if (own !== undefined) throw malformed(`its header has ${own}`);
  if (typeof kid !== 'string' || kid === '' || kid.length > 200)
    throw malformed('its kid is no key identifier');
  if (bound !== url) throw malformed('its url is not that of newAccount');
  const jwk = parseStrictJson(payload);
  const named = isObject(jwk) ? readJwsKey(jwk) : undefined;
  if (named === undefined || 'fault' in named || named.jwk !== accountKey.jwk)
    throw malformed('its payload is not the key of the account');
  return { keyId: kid, verifies: (macKey) => verifyMac(alg, macKey, signingInput, signature) };
}

const malformed = (fault: string): AcmeProblem =>
  new AcmeProblem('malformed', `the external account binding: ${fault} (RFC 8555 7.3.4)`);
