import { describe, expect, it } from 'vitest';
import { DAY, MINUTE, SECOND } from '../../../src/base/clock.ts';
import {
  authenticateJwt,
  checkJwt,
  chooseKey,
  findProvider,
  type JwtRules,
  type UnverifiedJwt,
} from '../../../src/domain/identity/jwt.ts';
import {
  parsePrincipalPattern,
  principalMatches,
  principalPatternContains,
} from '../../../src/domain/identity/pattern.ts';
import { principalId } from '../../../src/domain/identity/principal.ts';
import { readVerificationKey, type VerificationKey } from '../../../src/x509/jwk.ts';
import { refusalOf } from '../../support/errors.ts';
import { makeKey } from '../../support/tokens.ts';

const NOW = Date.UTC(2026, 0, 31);
const SECONDS = NOW / SECOND;

const RULES: JwtRules = {
  name: 'github',
  issuer: 'https://ci.example.test',
  audience: ['chancery', 'https://ca.example.test'],
  algorithms: ['RS256', 'ES256'],
  subject: 'sub',
  clockSkew: 30 * SECOND,
  maxAge: DAY,
  claims: new Map<string, readonly (string | number | boolean)[]>([
    ['repository_owner', ['example']],
    ['email_verified', [true]],
  ]),
};

const HEADER = { alg: 'ES256', kid: 'one', typ: 'JWT' };
const CLAIMS = {
  iss: 'https://ci.example.test',
  aud: 'chancery',
  sub: 'repo:org/app:ref:refs/heads/main',
  exp: SECONDS + 300,
  nbf: SECONDS,
  iat: SECONDS,
  repository_owner: 'example',
  email_verified: true,
};

type Part = Readonly<Record<string, unknown>>;
const jwt = (claims: Part = {}, header: Part = {}) => ({
  header: without({ ...HEADER, ...header }),
  claims: without({ ...CLAIMS, ...claims }),
});
const without = (all: Part): Part =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));

const check = (claims: Part = {}, header: Part = {}, rules: Partial<JwtRules> = {}): UnverifiedJwt =>
  checkJwt(jwt(claims, header), { ...RULES, ...rules }, NOW);

describe('a token of the provider', () => {
  it('is who its subject says, once its signature was verified', () => {
    const unverified = check();
    expect(unverified).toEqual({ algorithm: 'ES256', keyId: 'one', subject: CLAIMS.sub });
    const principal = authenticateJwt(unverified, RULES, true);
    expect(principalId(principal)).toBe('jwt:github:repo:org/app:ref:refs/heads/main');
    expect(refusalOf(() => authenticateJwt(unverified, RULES, false)).code).toBe('credential_rejected');
  });

  it.each<[string, Part, Part?]>([
    ['one of several audiences', { aud: ['vault', 'chancery'] }],
    ['our other audience', { aud: 'https://ca.example.test' }],
    ['no nbf and no iat', { nbf: undefined, iat: undefined }],
    ['nbf within the skew', { nbf: SECONDS + 30 }],
    ['times with fractions', { iat: SECONDS + 0.5, exp: SECONDS + 0.5 }],
    ['an age of exactly maxAge', { iat: SECONDS - 86_400 }],
    ['typ at+jwt', {}, { typ: 'at+jwt' }],
    ['typ in full', {}, { typ: 'application/JWT' }],
    ['no typ', {}, { typ: undefined }],
    ['no kid', {}, { kid: undefined }],
    ['a subject of 512 characters', { sub: 'a'.repeat(512) }],
    ['a subject with a space inside', { sub: 'sc://org/My Project/app' }],
    ['a required claim in a list', { repository_owner: ['other', 'example'] }],
  ])('passes with %s', (_what, claims, header) => {
    expect(check(claims, header)).toMatchObject({ algorithm: 'ES256' });
  });
});

describe('a token is refused', () => {
  it.each<[string, Part, Part, RegExp]>([
    // header
    ['alg none', {}, { alg: 'none' }, /its alg is "none"/],
    ['alg NONE', {}, { alg: 'NONE' }, /its alg is "NONE"/],
    ['alg HS256', {}, { alg: 'HS256' }, /its alg is "HS256"/],
    ['alg RS1', {}, { alg: 'RS1' }, /its alg is "RS1"/],
    ['no alg', {}, { alg: undefined }, /its alg is nothing/],
    ['an alg that is a list', {}, { alg: ['ES256'] }, /its alg is \["ES256"\]/],
    ['an alg that the provider does not use', {}, { alg: 'EdDSA' }, /accepted are RS256, ES256/],
    ['typ of something else', {}, { typ: 'dpop+jwt' }, /its typ is "dpop\+jwt"/],
    ['typ that is no text', {}, { typ: 1 }, /its typ is 1/],
    ['crit', {}, { crit: ['exp'] }, /crit/],
    ['an empty crit', {}, { crit: [] }, /crit/],
    ...['jwk', 'jku', 'x5c', 'x5u', 'b64', 'zip', 'enc'].map((name): [string, Part, Part, RegExp] => [
      name,
      {},
      { [name]: true },
      new RegExp(`its header has ${name}`),
    ]),
    ['an empty kid', {}, { kid: '' }, /its kid is ""/],
    ['a kid that is a number', {}, { kid: 1 }, /its kid is 1/],
    ['a kid of 513 characters', {}, { kid: 'k'.repeat(513) }, /its kid is/],
    // issuer and audience
    ['another iss', { iss: 'https://other.test' }, {}, /its iss is "https:\/\/other.test"/],
    ['iss with a trailing slash', { iss: 'https://ci.example.test/' }, {}, /its iss/],
    ['iss in capitals', { iss: 'HTTPS://ci.example.test' }, {}, /its iss/],
    ['iss as a list', { iss: ['https://ci.example.test'] }, {}, /its iss/],
    ['no aud (CVE-2024-5798)', { aud: undefined }, {}, /it has no aud/],
    ['another aud (CVE-2024-5798)', { aud: 'vault' }, {}, /its aud is "vault"/],
    ['an aud that ours is a part of', { aud: 'chancery-staging' }, {}, /its aud/],
    ['an aud that is a part of ours', { aud: 'chance' }, {}, /its aud/],
    ['an aud with ours among words', { aud: 'vault chancery' }, {}, /its aud/],
    ['an empty list of aud', { aud: [] }, {}, /its aud/],
    ['an aud that is an object', { aud: { chancery: true } }, {}, /its aud/],
    ['a list of aud with something else in it', { aud: ['chancery', 1] }, {}, /its aud/],
    // time
    ['no exp', { exp: undefined }, {}, /it has no exp/],
    ['exp as text', { exp: String(SECONDS + 300) }, {}, /its exp is "/],
    ['exp without end', { exp: 1e300 }, {}, /its exp is 1e\+300/],
    ['exp below zero', { exp: -1 }, {}, /its exp is -1/],
    ['exp null', { exp: null }, {}, /its exp is null/],
    ['exp a second ago', { exp: SECONDS - 1 }, {}, /it expired at 2026-01-30T23:59:59Z/],
    ['exp now', { exp: SECONDS }, {}, /it expired at/],
    ['nbf beyond the skew', { nbf: SECONDS + 31 }, {}, /its nbf is 2026-01-31T00:00:31Z, over 30s/],
    ['nbf as text', { nbf: 'now' }, {}, /its nbf is "now"/],
    ['iat beyond the skew', { iat: SECONDS + 31 }, {}, /its iat/],
    ['iat null', { iat: null }, {}, /its iat is null/],
    ['an age over maxAge', { iat: SECONDS - 86_401 }, {}, /older than 1d/],
    // subject
    ['no sub', { sub: undefined }, {}, /it has no sub/],
    ['an empty sub', { sub: '' }, {}, /its sub is ""/],
    ['a sub with a line break', { sub: 'ann\nbob' }, {}, /its sub is "ann\\nbob"/],
    ['a sub with NUL', { sub: 'ann\0' }, {}, /its sub/],
    ['a sub beyond ASCII', { sub: '\u0430nn' }, {}, /its sub/],
    ['a sub with a space at its end', { sub: 'ann ' }, {}, /its sub/],
    ['a sub that is a space', { sub: ' ' }, {}, /its sub/],
    ['a sub of 513 characters', { sub: 'a'.repeat(513) }, {}, /its sub/],
    ['a sub that is a number', { sub: 7 }, {}, /its sub is 7/],
    ['a sub that is a list', { sub: ['ann'] }, {}, /its sub/],
    // what the configuration requires
    [
      'a required claim with another value',
      { repository_owner: 'evil' },
      {},
      /its repository_owner is "evil"/,
    ],
    ['without a required claim', { repository_owner: undefined }, {}, /its repository_owner is nothing/],
    ['a required claim of another type', { email_verified: 'true' }, {}, /its email_verified is "true"/],
  ])('with %s', (_what, claims, header, message) => {
    const { code, detail } = refusalOf(() => check(claims, header));
    expect(code).toBe('credential_rejected');
    expect(detail.message).toMatch(message);
    expect(detail.rule).toMatch(/RFC|configuration/);
  });

  it('with a claim that objects have by themselves', () => {
    expect(refusalOf(() => check({}, {}, { subject: 'constructor' })).detail.message).toMatch(
      /no constructor/,
    );
    const rules = { claims: new Map([['toString', ['x']]]) };
    expect(refusalOf(() => check({}, {}, rules)).detail.message).toMatch(/its toString is nothing/);
  });

  it('when its issuer is none of the providers', () => {
    const providers = new Map([[RULES.issuer, RULES]]);
    expect(findProvider(jwt(), providers)).toBe(RULES);
    for (const iss of ['https://ci.example.test/', '', 'toString', undefined, 7, ['https://ci.example.test']])
      expect(refusalOf(() => findProvider(jwt({ iss }), providers)).code).toBe('credential_rejected');
  });

  it('by skew and age as they are configured', () => {
    expect(check({ nbf: SECONDS + 300 }, {}, { clockSkew: 5 * MINUTE }).subject).toBe(CLAIMS.sub);
    expect(refusalOf(() => check({ iat: SECONDS - 61 }, {}, { maxAge: MINUTE })).detail.message).toMatch(
      /1m/,
    );
    expect(check({ email: 'ann@example.test' }, {}, { subject: 'email' }).subject).toBe('ann@example.test');
  });
});

describe('the key of a token', () => {
  const key = (algorithm: string, jwk: Part = {}): VerificationKey => {
    const found = readVerificationKey(without({ ...makeKey(algorithm, 'one').jwk, ...jwk }));
    if (found === undefined) throw new Error('a good key is not taken');
    return found;
  };
  const one = key('ES256');
  const two = key('ES256', { kid: 'two' });
  const rsa = key('RS256');
  const nameless = key('ES256', { kid: undefined });
  const es256 = (keyId: string | undefined): UnverifiedJwt => ({ algorithm: 'ES256', keyId, subject: 'ann' });

  it('is the one that it names', () => {
    expect(chooseKey([one, two], es256('two'))).toBe(two);
    expect(chooseKey([one, two], es256('three'))).toBeUndefined();
  });

  it('without kid is the only one there is', () => {
    expect(chooseKey([one], es256(undefined))).toBe(one);
    expect(chooseKey([nameless], es256('any'))).toBe(nameless);
    expect(refusalOf(() => chooseKey([one, two], es256(undefined))).detail.message).toMatch(/no kid/);
    expect(refusalOf(() => chooseKey([nameless, two], es256(undefined))).detail.message).toMatch(/no kid/);
    expect(chooseKey([nameless, two], es256('one'))).toBeUndefined();
    expect(chooseKey([one], es256('two'))).toBeUndefined();
  });

  it('is of the type of its algorithm', () => {
    expect(chooseKey([rsa, one], es256('one'))).toBe(one);
    const refused = refusalOf(() => chooseKey([rsa], es256('one')));
    expect(refused.detail.message).toMatch(/its alg is ES256, and the key "one" is none for it/);
    expect(refusalOf(() => chooseKey([key('EdDSA')], es256('one'))).code).toBe('credential_rejected');
    expect(refusalOf(() => chooseKey([key('ES384', { alg: undefined })], es256('one'))).code).toBe(
      'credential_rejected',
    );
  });

  it('is not one of two with the same kid', () => {
    const refused = refusalOf(() => chooseKey([one, key('ES256')], es256('one')));
    expect(refused.detail.message).toMatch(/several keys/);
  });
});

describe('a pattern over JWT principals', () => {
  const matches = (pattern: string, id: string): boolean =>
    principalMatches(parsePrincipalPattern(pattern), id);
  it.each<[string, string, boolean]>([
    ['jwt:github:repo:org/*:**', 'jwt:github:repo:org/app:ref:refs/heads/main', true],
    ['jwt:github:repo:org/*:**', 'jwt:github:repo:org/app/x:ref:refs/heads/main', false],
    ['jwt:github:repo:org/*:**', 'jwt:github:repo:evil/app:ref:refs/heads/main', false],
    ['jwt:github:repo:org/*:**', 'jwt:github:repo:org-evil/app:ref:refs/heads/main', false],
    ['jwt:github:repo:org/*:**', 'jwt:github:repo:org/app', false],
    ['jwt:github:repo:org/app:*', 'jwt:github:repo:org/app:pull_request', true],
    ['jwt:github:repo:org/app:*', 'jwt:github:repo:org/app:environment:prod', false],
    ['jwt:github:repo:org/app:*', 'jwt:github:repo:org/app:', false],
    ['jwt:github:repo:org/*:environment:prod', 'jwt:github:repo:org/app:environment:prod', true],
    ['jwt:github:repo:org/*:environment:prod', 'jwt:github:repo:org/app:environment:prod/x', false],
    [
      'jwt:github:repo:org/*:environment:prod',
      'jwt:github:repo:org/app:environment:x:environment:prod',
      false,
    ],
    ['jwt:github:repo:org/app', 'jwt:github:repo/org:app', false],
    ['jwt:github:repo:org/app', 'jwt:gitlab:repo:org/app', false],
    [
      'jwt:kubernetes:system:serviceaccount:team-a:*',
      'jwt:kubernetes:system:serviceaccount:team-a:app',
      true,
    ],
    [
      'jwt:kubernetes:system:serviceaccount:team-a:*',
      'jwt:kubernetes:system:serviceaccount:team-b:app',
      false,
    ],
    [
      'jwt:kubernetes:system:serviceaccount:team-a:*',
      'jwt:kubernetes:system:serviceaccount:team-a:app:x',
      false,
    ],
    ['jwt:kubernetes:system:serviceaccount:*:app', 'jwt:kubernetes:system:serviceaccount:/:app', false],
    ['jwt:github:*', 'jwt:github:a:b', false],
    ['jwt:github:**', 'jwt:github:a:b/c', true],
    ['jwt:github:**', 'jwt:gitlab:a:b/c', false],
    ['jwt:github:**', 'mtls:github:dns:a', false],
    ['jwt:github:ann', 'jwt:github:*', false],
    ['jwt:*:ann', 'jwt:google:ann', true],
    ['jwt:**', 'jwt:google:ann', true],
    ['jwt:cloud:arn:aws:iam::1234:role/*', 'jwt:cloud:arn:aws:iam::1234:role/app', true],
    ['jwt:svid:spiffe://other.test/*', 'jwt:svid:spiffe://other.test/app', true],
    ['jwt:svid:spiffe://other.test/*', 'jwt:svid:spiffe:/other.test/app', false],
  ])('%s, %s: %s', (pattern, id, expected) => {
    expect(matches(pattern, id)).toBe(expected);
  });

  it.each([
    'jwt:',
    'jwt',
    'jwt::ann',
    'jwt:github:',
    'jwt:github:repo:org/a*',
    'jwt:github:**:**',
    'anonymous',
    'anonymous:**',
  ])('%s is refused', (text) => {
    expect(refusalOf(() => parsePrincipalPattern(text)).code).toBe('invalid_name');
  });

  it.each<[string, string, boolean]>([
    ['jwt:github:repo:org/**', 'jwt:github:repo:org/app:*', true],
    ['jwt:github:repo:org/*', 'jwt:github:repo:org/**', false],
    ['jwt:github:**', 'jwt:*:**', false],
    ['jwt:*:**', 'jwt:github:**', true],
    ['jwt:github:a:*', 'jwt:github:a/*', false],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(principalPatternContains(parsePrincipalPattern(outer), parsePrincipalPattern(inner))).toBe(
      expected,
    );
  });
});
