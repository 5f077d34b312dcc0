import { describe, expect, it } from 'vitest';
import { readVerificationKey } from '../../src/x509/jwk.ts';
import { JWS_ALGORITHMS, type JwsAlgorithm, readCompactJws, verifyJws } from '../../src/x509/jws.ts';
import { parseStrictJson } from '../../src/x509/strict-json.ts';
import { base64url, makeKey, type SigningKey, signToken } from '../support/tokens.ts';

const LIMIT = 16 * 1024;
const KEYS = new Map(JWS_ALGORITHMS.map((alg) => [alg, makeKey(alg, 'one')]));
const keyFor = (alg: JwsAlgorithm): SigningKey => {
  const key = KEYS.get(alg);
  if (key === undefined) throw new Error(alg);
  return key;
};

function verifies(token: string, key: SigningKey, alg: JwsAlgorithm): boolean {
  const jws = readCompactJws(token, LIMIT);
  const found = readVerificationKey(key.jwk);
  if ('fault' in jws || found === undefined) throw new Error('not readable');
  return verifyJws(alg, jws.signingInput, jws.signature, found.publicKey);
}

describe('a JWS in compact form', () => {
  it.each(JWS_ALGORITHMS)('of %s verifies, and not with another key or a changed octet', (alg) => {
    const key = keyFor(alg);
    const token = signToken(key, { sub: 'ann' });
    expect(verifies(token, key, alg)).toBe(true);
    expect(verifies(token, makeKey(alg, 'one'), alg)).toBe(false);
    const [header = '', payload = '', signature = ''] = token.split('.');
    expect(verifies(`${header}.${base64url('{"sub":"bob"}')}.${signature}`, key, alg)).toBe(false);
    expect(
      verifies(
        `${header}.${payload}.${base64url(Buffer.from(signature, 'base64url').subarray(1))}`,
        key,
        alg,
      ),
    ).toBe(false);
    expect(verifies(`${header}.${payload}.${base64url(Buffer.alloc(signature.length))}`, key, alg)).toBe(
      false,
    );
  });

  it.each(['ES256', 'ES384'] as const)(
    'of %s is two halves, not DER, and not zeros (CVE-2022-21449)',
    (alg) => {
      const key = keyFor(alg);
      expect(verifies(signToken(key, {}, { der: true }), key, alg)).toBe(false);
      const token = signToken(key, {});
      const zeros = base64url(Buffer.alloc(alg === 'ES256' ? 64 : 96));
      expect(verifies(token.slice(0, token.lastIndexOf('.') + 1) + zeros, key, alg)).toBe(false);
    },
  );

  it('verifies with no key of another type', () => {
    for (const alg of JWS_ALGORITHMS)
      for (const other of JWS_ALGORITHMS)
        if (alg !== other) expect(verifies(signToken(keyFor(alg), {}), keyFor(other), alg)).toBe(false);
  });

  const good = signToken(keyFor('EdDSA'), { sub: 'ann' });
  const [header = '', payload = '', signature = ''] = good.split('.');
  it.each<[string, string]>([
    ['nothing', ''],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${good}.${signature}`],
    ['five parts, as JWE has', `${good}.${header}.${header}`],
    ['no signature', `${header}.${payload}.`],
    ['padding', `${header}.${payload}.${signature}==`],
    ['base64 instead of base64url', `${header}.${payload}.${signature.slice(0, -1)}+`],
    ['a line break', `${header}.${payload}\n.${signature}`],
    [
      'bits beyond the last octet',
      `${header}.${payload}.${signature.slice(0, -1)}${signature.endsWith('B') ? 'C' : 'B'}`,
    ],
    ['a header that is no JSON', `${base64url('alg')}.${payload}.${signature}`],
    ['a header that is a list', `${base64url('["ES256"]')}.${payload}.${signature}`],
    ['a header with a name twice', `${base64url('{"alg":"none","alg":"EdDSA"}')}.${payload}.${signature}`],
    [
      'a header with a name twice, once escaped',
      `${base64url('{"alg":"none","\\u0061lg":"EdDSA"}')}.${payload}.${signature}`,
    ],
    ['over 16 KiB', `${header}.${'A'.repeat(LIMIT)}.${signature}`],
  ])('is refused with %s', (_what, text) => {
    expect(readCompactJws(text, LIMIT)).toHaveProperty('fault');
  });

  it('of a million dots costs nothing (CVE-2025-27144)', () => {
    const dots = '.'.repeat(1_000_000);
    const begin = process.cpuUsage();
    for (let i = 0; i < 1000; i++) expect('fault' in readCompactJws(dots, 2_000_000)).toBe(true);
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000).toBeLessThan(500); // milliseconds for all
  });
});

describe('a JSON Web Key is of no use', () => {
  const { jwk } = keyFor('ES256');
  it.each<[string, unknown]>([
    ['when it is no object', 'key'],
    ['when it is null', null],
    ['when it is symmetric', { kty: 'oct', k: 'c2VjcmV0', kid: 'one' }],
    ['when it is private', { ...jwk, d: 'AAAA' }],
    ['when it is for encryption', { ...jwk, use: 'enc' }],
    ['when it signs only', { ...jwk, key_ops: ['sign'] }],
    ['with an alg of another type', { ...jwk, alg: 'RS256' }],
    ['with an alg that we do not take', { ...jwk, alg: 'HS256' }],
    ['with an empty kid', { ...jwk, kid: '' }],
    ['with a kid that is no text', { ...jwk, kid: 1 }],
    ['off its curve', { ...jwk, x: jwk['y'], y: jwk['x'] }],
    ['with padded base64', { ...jwk, x: `${String(jwk['x'])}=` }],
    ['without y', { ...jwk, y: undefined }],
    ['of the type __proto__', { ...jwk, kty: '__proto__' }],
    ['on another curve', makeKey('ES256K', 'one').jwk],
    ['of RSA with 1024 bits', makeKey('RS256-1024', 'one').jwk],
    ['of RSA with the exponent 1', { ...keyFor('RS256').jwk, e: 'AQ' }],
    ['of RSA with an even exponent', { ...keyFor('RS256').jwk, e: 'AQAA' }],
  ])('%s', (_what, value) => {
    expect(readVerificationKey(value)).toBeUndefined();
  });
});

describe('strict JSON', () => {
  it.each(['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":{"a":1,"c":[],"a":1}}]', '{', ''])(
    'refuses %s',
    (text) => {
      expect(parseStrictJson(text)).toBeUndefined();
    },
  );
  it.each(['{"a":{"a":1},"b":[{"a":1},{"a":"}{\\"a\\":"}]}', '"a:a"', '{"":1,"a":":"}', '[]'])(
    'reads %s',
    (text) => {
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    },
  );
});
