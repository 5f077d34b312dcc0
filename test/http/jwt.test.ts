import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AUDIENCE,
  DISCOVERY,
  type IdentityProvider,
  startIdentityProvider,
} from '../fakes/identity-provider.ts';
import { type Answer, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';
import {
  base64url,
  makeKey,
  type SigningKey,
  signToken,
  signWithPublicKey,
  type TokenParts,
} from '../support/tokens.ts';

const NAMES = { uri: ['spiffe://example.test/team-a'] };
const SUBJECT = 'system:serviceaccount:team-a:app';
const CLUSTER = 'https://kubernetes.default.svc.cluster.local';

let idp: IdentityProvider;
let other: IdentityProvider;
let server: TestServer;
let folder: string;
const clusterKey = makeKey('RS256', 'cluster');
const JWKS = { keys: [clusterKey.jwk] };

beforeAll(async () => {
  [idp, other] = await Promise.all([startIdentityProvider(), startIdentityProvider()]);
  folder = mkdtempSync(join(tmpdir(), 'chancery-jwt-'));
  const files = { 'idp.pem': idp.roots, 'other.pem': other.roots, 'cluster.jwks': JSON.stringify(JWKS) };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  server = await startTestServer(`
logins:
  idp: { issuer: "${idp.issuer}", audience: ${AUDIENCE}, discovery: true, ca: { file: ${folder}/idp.pem } }
  other:
    issuer: "${other.issuer}"
    audience: [${AUDIENCE}, chancery-cli]
    jwks: { url: "${other.issuer}/keys" }
    ca: { file: ${folder}/other.pem }
    client: { id: chancery-cli, scopes: [openid, email] }
  cluster: { issuer: "${CLUSTER}", audience: ${AUDIENCE}, jwks: { file: ${folder}/cluster.jwks } }
grants:
  - { principal: "jwt:*:system:serviceaccount:team-a:*", verbs: [issue], issuer: workload, profiles: [workload], uri: ["spiffe://example.test/team-a"] }
`);
}, 30_000);
afterAll(async () => {
  await server.stop();
  await Promise.all([idp.close(), other.close()]);
  rmSync(folder, { recursive: true });
});

const bearer = (token: string) => ({ login: null, headers: { authorization: `Bearer ${token}` } });
const whoAmI = (token: string): Promise<Answer> =>
  server.ask('GET', '/api/v1/server', undefined, bearer(token));
const good = (claims: object = {}, parts?: TokenParts, key?: SigningKey): string =>
  idp.token({ sub: SUBJECT, ...claims }, parts, key);

async function enrol(token: string, names: object = NAMES): Promise<Answer> {
  const { csr } = await makeCsr([]);
  return server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr, names }, bearer(token));
}

async function loginsOnRecord(): Promise<number> {
  const { json } = await server.ask('GET', '/api/v1/audit?limit=500');
  const entries = json['entries'] as { event: string; principal: string }[];
  return entries.filter(({ event, principal }) => event === 'login' && principal.startsWith('jwt:')).length;
}

describe('a JWT of a login provider', () => {
  test('gets what the grants for its subject allow, and nothing else', async () => {
    const issued = await enrol(good());
    expect(issued.json).toMatchObject({ names: NAMES, rule: 'file-1' });
    const found = await server.ask('GET', `/api/v1/certificates/${String(issued.json['serial'])}`);
    expect(found.json['principal']).toBe(`jwt:idp:${SUBJECT}`);
    const refused = await enrol(good(), { uri: ['spiffe://example.test/team-b'] });
    expect(refused.json).toMatchObject({ status: 403, code: 'not_granted' });
    for (const sub of ['system:serviceaccount:team-b:app', 'system:serviceaccount:team-a', `${SUBJECT}:more`])
      expect((await enrol(good({ sub }))).json).toMatchObject({ status: 403, code: 'not_granted' });
    for (const path of ['/api/v1/audit', '/api/v1/grants', '/api/v1/tokens'])
      expect((await server.ask('GET', path, undefined, bearer(good()))).status, path).toBe(403);
  });

  test('is on record as a login, without the token', async () => {
    const before = await loginsOnRecord();
    const token = good();
    expect((await whoAmI(token)).json).toMatchObject({ principal: `jwt:idp:${SUBJECT}` });
    expect(await loginsOnRecord()).toBe(before + 1);
    const { text } = await server.ask('GET', '/api/v1/audit?limit=500');
    for (const where of [text, server.logged.join('\n')]) {
      expect(where).not.toContain(token.slice(0, 40));
      expect(where).not.toContain(token.slice(-40));
    }
  });

  test.each(['RS256', 'ES256', 'ES384', 'EdDSA'])('logs in signed with %s', async (alg) => {
    const key = makeKey(alg, `key-${alg}`);
    other.keys.push(key);
    const answer = await whoAmI(other.token({ sub: alg }, {}, key));
    // the set may have been looked at for the last key a moment ago
    expect([200, 401]).toContain(answer.status);
    await server.restart();
    expect((await whoAmI(other.token({ sub: alg }, {}, key))).json).toMatchObject({
      principal: `jwt:other:${alg}`,
    });
  });

  test('is one of a cluster whose keys are in a file', async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: CLUSTER, aud: [AUDIENCE], sub: SUBJECT, iat: now, nbf: now, exp: now + 3600 };
    const token = signToken(clusterKey, claims, { header: { typ: undefined } });
    expect((await enrol(token)).json).toMatchObject({ names: NAMES, rule: 'file-1' });
  });

  test('goes before the client certificate of its connection', async () => {
    const answer = await server.ask('GET', '/api/v1/server', undefined, {
      headers: { authorization: `Bearer ${good()}` },
    });
    expect(answer.json['principal']).toBe(`jwt:idp:${SUBJECT}`);
  });
});

describe('a wrong token never logs in', () => {
  const now = Math.floor(Date.now() / 1000);
  const lastPart = (token: string): number => token.lastIndexOf('.') + 1;
  const first = (): SigningKey => idp.keys[0] ?? makeKey('ES256', 'none');
  const withSignature = (change: (signature: Buffer) => Uint8Array): string => {
    const token = good();
    const at = lastPart(token);
    return token.slice(0, at) + base64url(change(Buffer.from(token.slice(at), 'base64url')));
  };
  const parts = (): string[] => good().split('.');

  test.each<[string, () => string]>([
    ['for another audience (Vault CVE-2024-5798)', () => good({ aud: 'vault' })],
    ['for no audience (Vault CVE-2024-5798)', () => good({ aud: undefined })],
    ['for an audience that ours is a part of', () => good({ aud: `${AUDIENCE}-staging` })],
    ['for an audience that is a part of ours', () => good({ aud: AUDIENCE.slice(0, -1) })],
    [
      'HS256 with the public key as PEM (algorithm confusion)',
      () => signWithPublicKey(first(), claims(), 'pem'),
    ],
    [
      'HS256 with the public key as DER (algorithm confusion)',
      () => signWithPublicKey(first(), claims(), 'der'),
    ],
    ['alg none without a signature', () => unsigned('none', '')],
    ['alg none with a signature', () => unsigned('none', parts()[2] ?? '')],
    ['alg nOnE', () => unsigned('nOnE', 'AAAA')],
    ['of another issuer', () => good({ iss: 'https://evil.example.test' })],
    ['of the issuer with a slash', () => good({ iss: `${idp.issuer}/` })],
    ['of the issuer over http', () => good({ iss: idp.issuer.replace('https', 'http') })],
    ['of no issuer', () => good({ iss: undefined })],
    ['of another provider’s issuer', () => good({ iss: other.issuer })],
    ['with the key of another provider', () => good({}, { header: { kid: 'first' } }, other.keys[0])],
    ['with a key of nobody under a known kid', () => good({}, {}, makeKey('ES256', 'first'))],
    ['with a kid that nobody has', () => good({}, { header: { kid: 'nobody' } })],
    ['with a kid that is a path', () => good({}, { header: { kid: '../../etc/passwd' } })],
    ['that has expired', () => good({ exp: now - 1 })],
    ['without exp', () => good({ exp: undefined })],
    ['that is not yet valid', () => good({ nbf: now + 3600 })],
    ['from the future', () => good({ iat: now + 3600 })],
    ['of last week', () => good({ iat: now - 7 * 86_400, nbf: undefined, exp: now + 365 * 86_400 })],
    ['with an empty sub', () => good({ sub: '' })],
    ['without sub', () => good({ sub: undefined })],
    ['with a line break in sub', () => good({ sub: `${SUBJECT}\nsystem:masters` })],
    ['with sub as a list', () => good({ sub: [SUBJECT] })],
    ['with crit', () => good({}, { header: { crit: ['exp'] } })],
    [
      'with its own key (jwk)',
      () => {
        const key = makeKey('ES256', 'own');
        return good({}, { header: { jwk: key.jwk } }, key);
      },
    ],
    [
      'with the address of its own key (jku)',
      () => good({}, { header: { jku: `${other.issuer}/keys` } }, other.keys[0]),
    ],
    ['with its own certificate (x5c)', () => good({}, { header: { x5c: ['AAAA'] } })],
    ['with zip', () => good({}, { header: { zip: 'DEF' } })],
    [
      'with header and payload swapped',
      () => {
        const [a, b, c] = parts();
        return [b, a, c].join('.');
      },
    ],
    [
      'with the payload of another',
      () => {
        const [a, , c] = parts();
        return [a, good({ sub: 'root' }).split('.')[1], c].join('.');
      },
    ],
    ['with a truncated signature', () => withSignature((signature) => signature.subarray(0, 32))],
    ['with a signature of zeros', () => withSignature(() => Buffer.alloc(64))],
    ['with no signature', () => good().slice(0, lastPart(good()))],
    [
      'with an octet more of signature',
      () => withSignature((signature) => Buffer.concat([signature, Buffer.from([0])])),
    ],
    ['with its ECDSA signature in DER', () => good({}, { der: true })],
    ['RS256 over an EC key', () => good({}, { header: { alg: 'RS256' } })],
    ['with alg twice', () => good({}, { rawHeader: `{"alg":"none","alg":"ES256","kid":"first"}` })],
    [
      'with sub twice',
      () => good({}, { rawPayload: JSON.stringify(claims()).replace('}', ',"sub":"root"}') }),
    ],
    ['with a padded part', () => `${good()}=`],
    ['with a fourth part', () => `${good()}.AAAA`],
    ['of dots (CVE-2025-27144)', () => '.'.repeat(8000)],
    ['that is no token', () => 'a.b.c'],
  ])('%s', async (_what, make) => {
    const before = await loginsOnRecord();
    const token = make();
    const answer = await enrol(token);
    expect(answer.json).toMatchObject({ status: 401, code: 'credential_rejected' });
    expect(answer.json['detail']).toMatch(/./);
    if (token.length > 80) expect(answer.text).not.toContain(token.slice(-40));
    expect(await loginsOnRecord()).toBe(before);
  });

  const claims = () => ({ iss: idp.issuer, aud: AUDIENCE, sub: SUBJECT, iat: now, exp: now + 3600 });
  const unsigned = (alg: string, signature: string): string =>
    [base64url(JSON.stringify({ alg, kid: 'first' })), base64url(JSON.stringify(claims())), signature].join(
      '.',
    );

  test('of 1024 bits, whose key is in the set', async () => {
    const weak = makeKey('RS256-1024', 'weak');
    other.keys.push(weak);
    await server.restart();
    const answer = await whoAmI(other.token({}, {}, weak));
    expect(answer.json).toMatchObject({ status: 401, code: 'credential_rejected' });
    expect(answer.json['detail']).toMatch(/its kid "weak" is none/);
  });
});

describe('the provider', () => {
  test('exchanges its keys: the new one is taken up at once, the old one is gone', async () => {
    await server.restart();
    expect((await whoAmI(good())).status).toBe(200);
    const [old] = idp.keys;
    idp.keys = [makeKey('EdDSA', 'second')];
    expect((await whoAmI(good())).json).toMatchObject({ principal: `jwt:idp:${SUBJECT}` });
    expect((await whoAmI(good({}, {}, old))).json).toMatchObject({ status: 401 });
  });

  test('is down: who has its keys goes on, who has not says so and accepts nobody', async () => {
    expect((await whoAmI(good())).status).toBe(200);
    await idp.down();
    expect((await whoAmI(good())).status).toBe(200);
    await server.restart();
    const answer = await whoAmI(good());
    expect(answer.json).toMatchObject({ status: 503, code: 'login_provider_unavailable' });
    expect(answer.json['detail']).toMatch(/idp cannot be had: .*ECONNREFUSED/);
    expect(answer.headers['retry-after']).toBe('5');
    expect((await server.ask('GET', '/api/v1/server')).status).toBe(200); // others are not touched
    await idp.up();
    await server.restart();
    expect((await whoAmI(good())).status).toBe(200);
  });

  test.each<[string, string, (answer: import('node:http').ServerResponse) => void, RegExp]>([
    [
      'sends us elsewhere',
      DISCOVERY,
      (answer) => answer.writeHead(302, { location: `${other.issuer}/x` }).end(),
      /answered 302/,
    ],
    [
      'says it is somebody else',
      DISCOVERY,
      (answer) => answer.end(JSON.stringify({ issuer: 'https://evil.test', jwks_uri: `${idp.issuer}/keys` })),
      /of the issuer "https:\/\/evil.test"/,
    ],
    [
      'answers without end',
      '/keys',
      (answer) => {
        answer.write(' '.repeat(300_000));
      },
      /over 262144 octets/,
    ],
    ['answers with a page', '/keys', (answer) => answer.end('<html>'), /no key set/],
    ['fails', '/keys', (answer) => answer.writeHead(500).end(), /answered 500/],
  ])('%s: nobody logs in, and the reason is told', async (_what, path, answer, reason) => {
    idp.instead.set(path, (_request, response) => answer(response));
    try {
      await server.restart();
      const { json } = await whoAmI(good());
      expect(json).toMatchObject({ status: 503, code: 'login_provider_unavailable' });
      expect(json['detail']).toMatch(reason);
    } finally {
      idp.instead.clear();
    }
  });
});

describe('GET /api/v1/logins', () => {
  test('tells anybody where people log in, and nothing of the other providers', async () => {
    const { status, json } = await server.ask('GET', '/api/v1/logins', undefined, { login: null });
    expect(status).toBe(200);
    expect(json).toEqual({
      logins: [
        {
          name: 'other',
          issuer: other.issuer,
          clientId: 'chancery-cli',
          scopes: ['openid', 'email'],
          roots: other.roots,
        },
      ],
    });
  });

  test('does not look at credentials', async () => {
    const answer = await server.ask('GET', '/api/v1/logins', undefined, bearer('a.b.c'));
    expect(answer.status).toBe(200);
  });
});
