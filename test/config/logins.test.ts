import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { DAY, MINUTE, SECOND } from '../../src/base/clock.ts';
import { toPlain } from '../../src/config/index.ts';
import { load, refusal } from './workbench.ts';

const WHOLE = `
logins:
  kubernetes:
    issuer: https://kubernetes.default.svc.cluster.local
    audience: chancery
    discovery: true
    ca: { file: cluster/ca.pem }
  people:
    issuer: https://login.example.test/
    audience: [chancery-cli, "https://ca.example.test"]
    jwks: { url: "https://login.example.test/keys" }
    algorithms: [RS256]
    subject: email
    clockSkew: 2m
    maxAge: 1h
    claims: { email_verified: true, groups: [pki, operators], tier: 1 }
    client: { id: chancery-cli, scopes: [openid, email] }
  ci: { issuer: "https://ci.example.test", audience: chancery, jwks: { file: ci.jwks } }
`;

describe('login providers', () => {
  test('become values, with absolute paths and defaults', async () => {
    const config = await load(WHOLE);
    const base = join(config.data, '..');
    const [kubernetes, people, ci] = config.logins;
    expect(kubernetes).toEqual({
      name: 'kubernetes',
      issuer: 'https://kubernetes.default.svc.cluster.local',
      audience: ['chancery'],
      keys: { kind: 'discovery' },
      ca: join(base, 'cluster', 'ca.pem'),
      algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA'],
      subject: 'sub',
      clockSkew: 30 * SECOND,
      maxAge: DAY,
      claims: new Map(),
      client: undefined,
    });
    expect(people).toMatchObject({
      issuer: 'https://login.example.test/',
      audience: ['chancery-cli', 'https://ca.example.test'],
      keys: { kind: 'url', url: 'https://login.example.test/keys' },
      ca: undefined,
      algorithms: ['RS256'],
      subject: 'email',
      clockSkew: 2 * MINUTE,
      maxAge: 60 * MINUTE,
      client: { id: 'chancery-cli', scopes: ['openid', 'email'] },
    });
    expect(people?.claims).toEqual(
      new Map<string, unknown>([
        ['email_verified', [true]],
        ['groups', ['pki', 'operators']],
        ['tier', [1]],
      ]),
    );
    expect(ci?.keys).toEqual({ kind: 'file', file: join(base, 'ci.jwks') });
  });

  test('in plain words mean the same again', async () => {
    const config = await load(WHOLE);
    const again = await load(stringify(toPlain(config)), { flags: { data: config.data } });
    expect(again.logins).toEqual(config.logins);
  });

  const one = (more: string, name = 'ci'): string =>
    `logins:\n  ${name}: { issuer: "https://ci.example.test", audience: chancery, ${more} }\n`;

  test.each<[string, string, RegExp]>([
    ['without keys', one('maxAge: 1h'), /logins.ci has to say in one way where the keys are/],
    ['with keys in two ways', one('discovery: true, jwks: { file: a }'), /in one way where the keys are/],
    ['with discovery: false', one('discovery: false'), /logins.ci.discovery/],
    ['with HMAC', one('discovery: true, algorithms: [HS256]'), /none of RS256, ES256, ES384, EdDSA/],
    ['with none', one('discovery: true, algorithms: [none]'), /none of RS256/],
    ['with no algorithm', one('discovery: true, algorithms: []'), /algorithms/],
    ['with keys over plain http', one('jwks: { url: "http://ci.example.test/keys" }'), /logins.ci.jwks/],
    ['with keys that stand in the file', one('jwks: { keys: [] }'), /logins.ci.jwks/],
    ['with a skew over 5m', one('discovery: true, clockSkew: 6m'), /clockSkew is "6m": it is too long/],
    ['with a client of another audience', one('discovery: true, client: { id: cli }'), /not in the audience/],
    [
      'with a client secret',
      one('discovery: true, client: { id: chancery, secret: x }'),
      /unknown key "logins.ci.client.secret"/,
    ],
    [
      'with an empty audience',
      'logins: { ci: { issuer: "https://ci.test", audience: "", discovery: true } }',
      /audience/,
    ],
    [
      'without audience',
      'logins: { ci: { issuer: "https://ci.test", discovery: true } }',
      /logins.ci.audience is missing/,
    ],
    [
      'with an issuer over http',
      'logins: { ci: { issuer: "http://ci.test", audience: a, discovery: true } }',
      /its scheme is http/,
    ],
    [
      'with an issuer with a query',
      'logins: { ci: { issuer: "https://ci.test?x", audience: a, discovery: true } }',
      /query/,
    ],
    ['with a name in capitals', one('discovery: true', 'CI'), /has the name "CI"/],
    [
      'with the issuer of another',
      `${one('discovery: true')}  two: { issuer: "https://ci.example.test", audience: b, discovery: true }\n`,
      /logins.two has the issuer of logins.ci/,
    ],
  ])('are refused %s', async (_what, text, message) => {
    expect((await refusal(text)).message).toMatch(message);
  });
});
