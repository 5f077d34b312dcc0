import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatTokenString, parseTokenString } from '../../src/domain/identity/token-string.ts';
import { certificateFingerprint } from '../../src/x509/certificate.ts';
import { decodePemOne } from '../../src/x509/pem.ts';
import {
  type Answer,
  loginOf,
  makeCsr,
  startTestServer,
  type TestServer,
} from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const NAMES = { uri: ['spiffe://example.test/enrolled'] };

async function makeToken(more: object = {}): Promise<{ id: string; token: string }> {
  const answer = await server.ask('POST', '/api/v1/tokens', { profile: 'workload', names: NAMES, ...more });
  expect(answer.json).toMatchObject({ state: 'usable' });
  return answer.json as { id: string; token: string };
}

async function enrol(
  token: string,
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { csr } = await makeCsr([]);
  return server.ask(
    'POST',
    '/api/v1/certificates',
    { profile: 'workload', csr, ...more },
    { login: null, headers: { authorization: `Bearer ${token}`, ...headers } },
  );
}

describe('an enrolment token', () => {
  test('says where the server is and which root to expect there', async () => {
    const { token } = await makeToken();
    const { url, root } = parseTokenString(token);
    expect(url).toBe(server.server.urls.https);
    expect(root).toBe(certificateFingerprint(decodePemOne(server.roots, 'CERTIFICATE')));
  });

  test('stands for its names: a request without names gets exactly these', async () => {
    const { id, token } = await makeToken();
    const answer = await enrol(token);
    expect(answer.json).toMatchObject({ names: NAMES, rule: `builtin:token:${id}` });
    const spent = await enrol(token);
    expect(spent.json).toMatchObject({ status: 403, code: 'token_spent' });
  });

  test.each([
    ['other names', { names: { uri: ['spiffe://example.test/other'] } }],
    ['another profile', { profile: 'server', names: { dns: ['www.example.test'] } }],
    ['more names', { names: { uri: NAMES.uri, dns: ['www.example.test'] } }],
  ])('does not get %s, and is not used up by the try', async (_what, more) => {
    const { id, token } = await makeToken();
    expect((await enrol(token, more)).json).toMatchObject({ status: 403 });
    expect((await server.ask('GET', `/api/v1/tokens/${id}`)).json).toMatchObject({
      state: 'usable',
      used: 0,
    });
  });

  test('used 64 times in parallel gives exactly one certificate', async () => {
    const { token, id } = await makeToken({ names: { uri: ['spiffe://example.test/raced'] } });
    const answers = await Promise.all(Array.from({ length: 64 }, () => enrol(token)));
    expect(answers.filter(({ status }) => status === 201).length).toBe(1);
    expect(answers.filter(({ status }) => status !== 201).map(({ json }) => json['code'])).toEqual(
      Array(63).fill('token_spent'),
    );
    expect(
      answers.filter(({ status }) => status !== 201).every(({ json }) => json['code'] === 'token_spent'),
    ).toBe(true);
    const found = await server.ask('GET', '/api/v1/certificates?name=spiffe://example.test/raced');
    expect((found.json['certificates'] as unknown[]).length).toBe(1);
    expect((await server.ask('GET', `/api/v1/tokens/${id}`)).json).toMatchObject({
      state: 'spent',
      used: 1,
      uses: 1,
    });
  });

  test('with three uses gives three certificates', async () => {
    const { token } = await makeToken({ uses: 3 });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await enrol(token)).status);
    expect(statuses).toEqual([201, 201, 201, 403]);
  });

  test('whose answer was lost is answered again under the same Idempotency-Key', async () => {
    const { token } = await makeToken();
    const { csr } = await makeCsr([]);
    const ask = () =>
      server.ask(
        'POST',
        '/api/v1/certificates',
        { profile: 'workload', csr },
        { login: null, headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'lost' } },
      );
    const first = await ask();
    const second = await ask();
    expect(second.status).toBe(201);
    expect(second.json['serial']).toBe(first.json['serial']);
  });

  test('that was revoked, or expired, is not accepted', async () => {
    const { id, token } = await makeToken();
    expect((await server.ask('DELETE', `/api/v1/tokens/${id}`)).status).toBe(204);
    expect((await enrol(token)).json).toMatchObject({ status: 401, code: 'credential_rejected' });
    const short = await makeToken({ expiresIn: '1s' });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect((await enrol(short.token)).json).toMatchObject({ status: 401, code: 'credential_rejected' });
  });

  test('survives a restart with its count', async () => {
    const { token } = await makeToken({ uses: 2 });
    await enrol(token);
    await server.restart();
    expect((await enrol(token)).status).toBe(201);
    expect((await enrol(token)).status).toBe(403);
  });

  test('lets its holder do nothing but enrol, and renew with what it got', async () => {
    const { token } = await makeToken();
    const headers = { authorization: `Bearer ${token}` };
    for (const path of ['/api/v1/audit', '/api/v1/grants', '/api/v1/tokens'])
      expect((await server.ask('GET', path, undefined, { login: null, headers })).status, path).toBe(403);
    const { csr, key } = await makeCsr([]);
    const issued = await server.ask(
      'POST',
      '/api/v1/certificates',
      { profile: 'workload', csr },
      { login: null, headers },
    );
    const renewed = await server.ask(
      'POST',
      `/api/v1/certificates/${String(issued.json['serial'])}/renew`,
      { csr },
      { login: loginOf(issued.json, key) },
    );
    expect(renewed.json).toMatchObject({ rule: 'builtin:self-renewal' });
  });

  test('is made only for names that its maker holds, and never for longer', async () => {
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/maker' }]);
    const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr });
    const login = loginOf(issued.json, key);
    const grant = {
      name: 'maker',
      principal: 'mtls:workload:spiffe://example.test/maker',
      verbs: ['issue'],
      issuer: 'workload',
      profiles: ['workload'],
      uri: ['spiffe://example.test/team/*'],
      maxTtl: '30m',
    };
    await server.ask('POST', '/api/v1/grants', grant);
    const refused = await server.ask(
      'POST',
      '/api/v1/tokens',
      { profile: 'workload', names: NAMES },
      { login },
    );
    expect(refused.json).toMatchObject({ status: 403, code: 'not_granted' });
    const made = await server.ask(
      'POST',
      '/api/v1/tokens',
      { profile: 'workload', names: { uri: ['spiffe://example.test/team/a'] } },
      { login },
    );
    expect(made.json).toMatchObject({ maxTtl: '30m' });
    const tooLong = await enrol(String(made.json['token']), { ttl: '1h' });
    expect(tooLong.json).toMatchObject({ status: 403, code: 'not_granted' });
  });

  test('is stored as a hash', async () => {
    const { token } = await makeToken();
    const { secret } = parseTokenString(token);
    const exported = await server.ask('GET', '/api/v1/audit/export');
    const { readdir, readFile } = await import('node:fs/promises');
    const files = await Promise.all(
      (await readdir(`${server.data}/db`)).map((name) => readFile(`${server.data}/db/${name}`)),
    );
    const whole = Buffer.concat(files);
    expect(whole.includes(Buffer.from(secret))).toBe(false);
    expect(whole.includes(Buffer.from(token))).toBe(false);
    expect(whole.includes(createHash('sha256').update(secret).digest())).toBe(true);
    expect(exported.text).not.toContain(token);
  });
});

describe('CVE-2023-3462, CVE-2025-6011: unknown, wrong and mistyped tokens', () => {
  test('an unknown and a wrong secret get the same answer', async () => {
    const { token } = await makeToken();
    const parsed = parseTokenString(token);
    const wrong = formatTokenString({ ...parsed, secret: new Uint8Array(32).fill(7) });
    const answer = await enrol(wrong);
    expect(answer.json).toMatchObject({
      status: 401,
      code: 'credential_rejected',
      detail: 'the token is not accepted',
    });
  });

  test('a mistyped one is told by its checksum, without a look-up', async () => {
    const { token } = await makeToken();
    const typo = token.slice(0, 10) + (token[10] === 'A' ? 'B' : 'A') + token.slice(11);
    const answer = await enrol(typo);
    expect(answer.json).toMatchObject({ status: 400, code: 'malformed_token' });
    expect(answer.text).not.toContain(typo.slice(4, 40));
  });

  test.each(['', 'Bearer', 'Bearer x', 'Basic YTpi', 'Bearer chy_', `Bearer chy_${'A'.repeat(3000)}`])(
    'the header %j is refused',
    async (authorization) => {
      const answer = await server.ask('GET', '/api/v1/server', undefined, {
        login: null,
        headers: { authorization },
      });
      expect([400, 401]).toContain(answer.status);
    },
  );
});
