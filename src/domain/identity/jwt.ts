/**
 * Step 1 of the pipeline for JSON Web Tokens (RFC 7519, 8725): whether a decoded token is one of a provider's, for us,
 * now. All of it is asked before the signature is: garbage costs no cryptography, and a token that passes is still
 * nobody until its signature was verified with a key of that provider.
 */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatDuration, formatInstant, type Instant, SECOND } from '../../base/clock.ts';
import { isJwsAlgorithm, type JwsAlgorithm, keyTypeOf } from '../../x509/jws.ts';
import type { VerificationKey } from '../../x509/jwk.ts';
import type { Principal } from './principal.ts';

export type ClaimValue = string | number | boolean;

/** Spaces stand inside only: ids are compared, logged and written into grants. */
const SUBJECT = /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/;

/** What a provider's tokens have to look like. */
export interface JwtRules {
  /** The provider's name in the configuration: part of every principal's id. */
  readonly name: string;
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly algorithms: readonly JwsAlgorithm[];
  /** The claim that says who it is. */
  readonly subject: string;
  readonly clockSkew: Duration;
  readonly maxAge: Duration;
  /** Required claims; one of the values each. */
  readonly claims: ReadonlyMap<string, readonly ClaimValue[]>;
}

export interface DecodedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What is left to be looked at: the signature. */
export interface UnverifiedJwt {
  readonly algorithm: JwsAlgorithm;
  readonly keyId: string | undefined;
  readonly subject: string;
}

export const MAX_JWT_OCTETS = 16 * 1024;

/** Headers that would have a token say itself how it is to be verified or read. */
const OWN = ['jwk', 'jku', 'x5c', 'x5u', 'b64', 'zip', 'enc'];

/** Says where the token falls short; `undefined` where it does not. */
type Check = (jwt: DecodedJwt, rules: JwtRules, now: Instant) => string | undefined;

/** In this order. A check may rely on those above it. */
const CHECKS: readonly (readonly [rule: string, check: Check])[] = [
  ['RFC 8725 3.1: the algorithm is one that the provider is known to use', algorithmFault],
  ['RFC 7519 5.1, RFC 9068 2.1: typ is JWT or at+jwt', typeFault],
  ['RFC 7515 4.1.11: an extension that is critical and not known here', criticalFault],
  ['RFC 8725 3.10: a token brings no keys, and no encoding of its own', ownKeyFault],
  ['RFC 7515 4.1.4: kid is a text', keyIdFault],
  ['RFC 7519 4.1.1: iss is the issuer, octet by octet', issuerFault],
  ['RFC 7519 4.1.3: aud names us', audienceFault],
  ['RFC 7519 4.1.4: a token has an expiry, and is used before it', expiryFault],
  ['RFC 7519 4.1.5: a token is not used before its time', notBeforeFault],
  ['RFC 7519 4.1.6: a token is not older than maxAge', ageFault],
  ['RFC 7519 4.1.2: the subject is 1 to 512 printable ASCII characters', subjectFault],
  ['the claims that the configuration requires', claimsFault],
];

/** The provider that a token says it is of. Throws `credential_rejected` for one that is not known here. */
export function findProvider<Rules extends JwtRules>(
  { claims }: DecodedJwt,
  providers: ReadonlyMap<string, Rules>,
): Rules {
  const { iss } = claims;
  const found = typeof iss === 'string' ? providers.get(iss) : undefined;
  if (found !== undefined) return found;
  throw rejected(
    iss === undefined ? 'it has no iss' : `its iss ${quote(iss)} is that of no login provider`,
    'RFC 7519 4.1.1: tokens of the issuers under logins in the configuration',
    'Get a token of one of these issuers, or ask an operator to add this one.',
  );
}

/** Everything but the signature. Throws `credential_rejected` with the first fault. */
export function checkJwt(jwt: DecodedJwt, rules: JwtRules, now: Instant): UnverifiedJwt {
  for (const [rule, check] of CHECKS) {
    const fault = check(jwt, rules, now);
    if (fault !== undefined)
      throw rejected(`${fault} (login provider ${rules.name})`, rule, 'Get a fresh token for this server.');
  }
  const { alg, kid } = jwt.header;
  return {
    algorithm: alg as JwsAlgorithm,
    keyId: kid as string | undefined,
    subject: jwt.claims[rules.subject] as string,
  };
}

/**
 * The key that the signature has to be of. `undefined` when the set has none: another one may have come meanwhile.
 * Without kid there is a choice only where there is one key. Throws `credential_rejected` for a key of another kind.
 */
export function chooseKey(
  keys: readonly VerificationKey[],
  { algorithm, keyId }: UnverifiedJwt,
): VerificationKey | undefined {
  if (keyId === undefined && keys.length > 1)
    throw rejected(
      `its header has no kid, and its issuer has ${keys.length} keys`,
      'RFC 7515 4.1.4: kid says which key it is',
      'Let the issuer write kid into its tokens.',
    );
  const [only] = keys;
  const named = keys.filter((key) => key.keyId === keyId);
  // a set of one nameless key leaves no question open
  const candidates =
    keys.length === 1 && only !== undefined && (keyId === undefined || only.keyId === undefined)
      ? keys
      : named;
  if (candidates.length === 0) return undefined;
  const fitting = candidates.filter(
    (key) =>
      key.publicKey.type === keyTypeOf(algorithm) &&
      (key.algorithm === undefined || key.algorithm === algorithm),
  );
  const [key] = fitting;
  if (key !== undefined && fitting.length === 1) return key;
  throw rejected(
    key === undefined
      ? `its alg is ${algorithm}, and the key ${quote(keyId ?? '')} is none for it`
      : `its issuer has several keys with the kid ${quote(keyId ?? '')}`,
    'RFC 8725 3.1: the key decides what it is used for, not the token',
    'Get a fresh token for this server.',
  );
}

export const unknownKey = ({ keyId }: UnverifiedJwt, { name }: JwtRules): ChanceryError =>
  rejected(
    `its kid ${quote(keyId ?? '')} is none of the issuer's keys (login provider ${name})`,
    'RFC 7515 4.1.4: the key of a token is in the key set of its issuer',
    'Get a fresh token.',
  );

/** Who it is, once the signature was looked at. Throws `credential_rejected`. */
export function authenticateJwt(
  { subject }: UnverifiedJwt,
  { name }: JwtRules,
  verified: boolean,
): Principal {
  if (verified) return { kind: 'jwt', provider: name, subject };
  throw rejected(
    `its signature is not of the key that it names (login provider ${name})`,
    'RFC 7515 5.2',
    'Send the token unchanged.',
  );
}

export const unreadableJwt = (fault: string): ChanceryError =>
  rejected(fault, 'RFC 7515 7.1, RFC 7519 7.2: a JWS in compact form', 'Send the token unchanged.');

const rejected = (fault: string, rule: string, fix: string): ChanceryError =>
  new ChanceryError('credential_rejected', { message: `the JWT is not accepted: ${fault}`, rule, fix });

/** What strangers wrote, short and on one line. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function algorithmFault({ header: { alg } }: DecodedJwt, { algorithms }: JwtRules): string | undefined {
  if (isJwsAlgorithm(alg) && algorithms.includes(alg)) return undefined;
  return `its alg is ${quote(alg)}, accepted are ${algorithms.join(', ')}`;
}

function typeFault({ header: { typ } }: DecodedJwt): string | undefined {
  if (typ === undefined) return undefined;
  const short = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
  return short === 'jwt' || short === 'at+jwt' ? undefined : `its typ is ${quote(typ)}`;
}

function criticalFault({ header }: DecodedJwt): string | undefined {
  return 'crit' in header ? `its header has crit ${quote(header['crit'])}` : undefined;
}

function ownKeyFault({ header }: DecodedJwt): string | undefined {
  const found = OWN.find((name) => name in header);
  return found === undefined ? undefined : `its header has ${found}`;
}

function keyIdFault({ header: { kid } }: DecodedJwt): string | undefined {
  if (kid === undefined || (typeof kid === 'string' && kid !== '' && kid.length <= 512)) return undefined;
  return `its kid is ${quote(kid)}`;
}

function issuerFault({ claims: { iss } }: DecodedJwt, { issuer }: JwtRules): string | undefined {
  return iss === issuer ? undefined : `its iss is ${quote(iss)}, not ${issuer}`;
}

function audienceFault({ claims: { aud } }: DecodedJwt, { audience }: JwtRules): string | undefined {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (named.every((one) => typeof one === 'string') && named.some((one) => audience.includes(one)))
    return undefined;
  return aud === undefined
    ? `it has no aud, ours is ${audience.join(' or ')}`
    : `its aud is ${quote(aud)}, ours is ${audience.join(' or ')}`;
}

/** NumericDate: seconds, perhaps with a fraction. `undefined` for anything else. */
const instantOf = (value: unknown): Instant | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11
    ? value * SECOND
    : undefined;

function expiryFault({ claims: { exp } }: DecodedJwt, _rules: JwtRules, now: Instant): string | undefined {
  const expiry = instantOf(exp);
  if (expiry === undefined) return exp === undefined ? 'it has no exp' : `its exp is ${quote(exp)}`;
  return expiry > now ? undefined : `it expired at ${formatInstant(expiry)}`;
}

function notBeforeFault({ claims }: DecodedJwt, { clockSkew }: JwtRules, now: Instant): string | undefined {
  for (const name of ['nbf', 'iat'] as const) {
    const value = claims[name];
    if (value === undefined) continue;
    const instant = instantOf(value);
    if (instant === undefined) return `its ${name} is ${quote(value)}`;
    if (instant > now + clockSkew)
      return `its ${name} is ${formatInstant(instant)}, over ${formatDuration(clockSkew)} in the future`;
  }
  return undefined;
}

function ageFault({ claims: { iat } }: DecodedJwt, { maxAge }: JwtRules, now: Instant): string | undefined {
  const issued = iat === undefined ? undefined : instantOf(iat);
  return issued === undefined || issued >= now - maxAge
    ? undefined
    : `it is of ${formatInstant(issued)}, older than ${formatDuration(maxAge)}`;
}

function subjectFault({ claims }: DecodedJwt, { subject: name }: JwtRules): string | undefined {
  const subject = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof subject === 'string' && SUBJECT.test(subject)) return undefined;
  return subject === undefined ? `it has no ${name}` : `its ${name} is ${quote(subject)}`;
}

function claimsFault({ claims }: DecodedJwt, { claims: required }: JwtRules): string | undefined {
  for (const [name, values] of required) {
    const actual = Object.hasOwn(claims, name) ? claims[name] : undefined;
    const found: readonly unknown[] = Array.isArray(actual) ? actual : [actual];
    if (!values.some((value) => found.includes(value)))
      return `its ${name} is ${quote(actual)}, required is ${values.map(quote).join(' or ')}`;
  }
  return undefined;
}
