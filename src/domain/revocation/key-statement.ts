/**
 * Proof that a private key is out of its owner's hands: whoever has it signs that it leaked. The key itself never
 * travels. A JWS in compact form (RFC 7515) with the public key in its header; every member that is not expected is
 * refused, so that nothing that was signed for another purpose is taken for one (RFC 8725 3.11, 3.12).
 */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant, MINUTE, SECOND } from '../../base/clock.ts';
import { toHex, toUtf8 } from '../../x509/bytes.ts';
import { isJwsAlgorithm, keyTypeOf, readCompactJws, verifyJws } from '../../x509/jws.ts';
import { readVerificationKey } from '../../x509/jwk.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';

export const STATEMENT_TYPE = 'chancery-leaked-key+jws';
export const STATEMENT_PURPOSE = 'chancery-revoke-leaked-key';
/** How far the clocks may differ. A statement that is sent again changes nothing. */
export const STATEMENT_AGE = 10 * MINUTE;
export const MAX_STATEMENT_OCTETS = 8 * 1024;

export interface KeyStatement {
  readonly purpose: typeof STATEMENT_PURPOSE;
  readonly trustDomain: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly keySha256: string;
  /** Seconds since 1970. */
  readonly iat: number;
}

export const keyStatement = (publicKey: PublicKey, trustDomain: string, now: Instant): KeyStatement => ({
  purpose: STATEMENT_PURPOSE,
  trustDomain,
  keySha256: toHex(publicKey.fingerprint),
  iat: Math.floor(now / SECOND),
});

/** The key that the statement is about and signed by. Throws `proof_of_possession_failed`. */
export function readKeyStatement(text: string, trustDomain: string, now: Instant): PublicKey {
  const jws = readCompactJws(text, MAX_STATEMENT_OCTETS);
  if ('fault' in jws) throw unproven(jws.fault, 'RFC 7515 7.1');
  const { alg, jwk } = jws.header;
  if (!hasExactly(jws.header, ['alg', 'jwk', 'typ']) || jws.header['typ'] !== STATEMENT_TYPE)
    throw unproven(
      'its header is not that of a statement about a leaked key',
      `alg, jwk and typ ${STATEMENT_TYPE}, nothing else`,
    );
  const publicKey = readVerificationKey(jwk)?.publicKey;
  if (publicKey === undefined)
    throw unproven(
      'its jwk is no public key of a type that is certified here',
      'RFC 7517: EC P-256 or P-384, Ed25519, RSA from 2048 bits, without any private part',
    );
  if (!isJwsAlgorithm(alg) || keyTypeOf(alg) !== publicKey.type)
    throw unproven('its alg is none of its key', 'RS256, ES256, ES384, EdDSA, as the key has it');
  checkClaims(parseStrictJson(toUtf8(jws.payload)), publicKey, trustDomain, now);
  if (!verifyJws(alg, jws.signingInput, jws.signature, publicKey))
    throw unproven('its signature is not of the key that it is about', 'RFC 7515 5.2');
  return publicKey;
}

function checkClaims(claims: unknown, { fingerprint }: PublicKey, trustDomain: string, now: Instant): void {
  if (!isObject(claims) || !hasExactly(claims, ['purpose', 'trustDomain', 'keySha256', 'iat']))
    throw unproven(
      'its payload is not that of a statement about a leaked key',
      'purpose, trustDomain, keySha256 and iat, nothing else',
    );
  if (claims['purpose'] !== STATEMENT_PURPOSE)
    throw unproven('it was signed for another purpose', `purpose ${STATEMENT_PURPOSE}`);
  if (claims['trustDomain'] !== trustDomain)
    throw unproven('it was signed for another server', `trustDomain ${trustDomain}`);
  if (claims['keySha256'] !== toHex(fingerprint))
    throw unproven('it is about another key than the one that signed it', 'keySha256 is that of the jwk');
  const { iat } = claims;
  if (typeof iat !== 'number' || !Number.isSafeInteger(iat) || Math.abs(iat * SECOND - now) > STATEMENT_AGE)
    throw unproven(
      'it is not of now',
      `iat is at most 10 minutes from the server's time, which is ${formatInstant(now)}`,
    );
}

function hasExactly(object: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  return Object.keys(object).length === names.length && names.every((name) => Object.hasOwn(object, name));
}

const unproven = (fault: string, rule: string): ChanceryError =>
  new ChanceryError('proof_of_possession_failed', {
    message: `the statement about a leaked key is not accepted: ${fault}`,
    rule,
    fix: 'Make a fresh one: `chancery cert revoke --leaked-key FILE`.',
  });
