/** Malformed and hostile requests: each gets a 4xx with cause, rule and fix; none a 5xx, a stall, or a signature. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { type Route, ROUTES } from '../../src/api/routes.ts';
import { loginOf, type Login, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const SIGN = '/api/v1/certificates';

/** A login that no grant is for. */
async function makeLogin(value: string): Promise<Login> {
  const { csr, key } = await makeCsr([{ kind: 'uri', value }]);
  return loginOf((await server.ask('POST', SIGN, { profile: 'workload', csr })).json, key);
}

async function expectRefusal(
  answer: Awaited<ReturnType<TestServer['ask']>>,
  code: string,
  status: number,
): Promise<void> {
  expect(answer.json).toMatchObject({ code, status });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json['requestId']).toBe(answer.headers['x-request-id']);
  for (const field of ['title', 'detail', 'rule', 'fix']) expect(answer.json[field], field).toBeTruthy();
  await Promise.resolve();
}

describe('bodies', () => {
  test('over 64 KiB are refused on their announced length, before anything is read', async () => {
    const answer = await server.ask('POST', SIGN, undefined, { raw: 'x'.repeat(64 * 1024 + 1) });
    await expectRefusal(answer, 'body_too_large', 413);
  });

  test('over 64 KiB without an announced length are refused at the first octet too many', async () => {
    const { hostname, port } = new URL(server.server.urls.https);
    const status = await new Promise<string>((resolve, reject) => {
      const socket = connect(
        { host: hostname, port: Number(port), ca: server.roots, ...server.admin },
        () => {
          socket.write(
            `POST ${SIGN} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
          );
          const chunk = 'y'.repeat(16 * 1024);
          for (let i = 0; i < 5; i++) socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
        },
      );
      socket.once('data', (data) => {
        resolve(data.toString('latin1').split('\r\n', 1)[0] ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(status).toContain('413');
  });

  test.each([
    ['nothing', '', 'malformed_json', 400],
    ['half an object', '{"profile":', 'malformed_json', 400],
    ['an array', '[]', 'invalid_request', 400],
    ['null', 'null', 'invalid_request', 400],
    ['an unknown field', '{"profile":"server","csr":"x","admin":true}', 'invalid_request', 400],
    ['a wrong type', '{"profile":7,"csr":"x"}', 'invalid_request', 400],
    ['deep nesting', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 'invalid_request', 400],
    ['no PEM', '{"profile":"server","csr":"hello"}', 'malformed_pem', 400],
    [
      'another block',
      '{"profile":"server","csr":"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"}',
      'malformed_pem',
      400,
    ],
    [
      'broken DER',
      '{"profile":"server","csr":"-----BEGIN CERTIFICATE REQUEST-----\\nMIIB\\n-----END CERTIFICATE REQUEST-----"}',
      'malformed_csr',
      400,
    ],
  ])('%s is refused', async (_what, raw, code, status) => {
    const answer = await server.ask('POST', SIGN, undefined, { raw });
    await expectRefusal(answer, code, status);
  });

  test('of another media type are refused', async () => {
    const answer = await server.ask('POST', SIGN, undefined, {
      raw: 'profile=server',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    await expectRefusal(answer, 'unsupported_media_type', 415);
  });

  test('prototype pollution: __proto__ and constructor are fields like others, and unknown', async () => {
    for (const raw of [
      '{"__proto__":{"polluted":1},"profile":"server","csr":"x"}',
      '{"constructor":{"prototype":{"polluted":1}},"profile":"server","csr":"x"}',
    ]) {
      const answer = await server.ask('POST', SIGN, undefined, { raw });
      expect(answer.status).toBe(400);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('requests', () => {
  test.each([
    ['a lifetime without a unit', { profile: 'server', ttl: '10' }, 'invalid_duration', 400],
    ['a lifetime over the profile', { profile: 'server', ttl: '91d' }, 'profile_violation', 403],
    ['a profile that does not exist', { profile: 'nobody' }, 'not_found', 404],
    ['an issuer that does not exist', { profile: 'server', issuer: 'nobody' }, 'not_found', 404],
    ['an issuer without the profile', { profile: 'server', issuer: 'clients' }, 'profile_violation', 403],
    [
      'names that differ from those in the CSR',
      { profile: 'server', names: { dns: ['other.example.test'] } },
      'names_differ',
      403,
    ],
    [
      'a name with a NUL',
      { profile: 'server', names: { dns: ['www.example.test\0.evil.test'] } },
      'invalid_name',
      400,
    ],
    ['a U-label', { profile: 'server', names: { dns: ['bücher.example.test'] } }, 'invalid_name', 400],
    [
      'a SPIFFE ID with a percent sign',
      { profile: 'workload', names: { uri: ['spiffe://example.test/a%2fb'] } },
      'invalid_name',
      400,
    ],
  ])('%s is refused', async (_what, body, code, status) => {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'www.example.test' }]);
    await expectRefusal(await server.ask('POST', SIGN, { csr, ...body }), code, status);
  });

  test.each([
    ['an unknown parameter', '/api/v1/certificates?nmae=x', 'invalid_request'],
    ['a parameter given twice', '/api/v1/certificates?limit=1&limit=2', 'invalid_request'],
    ['a limit that is none', '/api/v1/certificates?limit=0', 'invalid_request'],
    ['a cursor that is not ours', '/api/v1/certificates?cursor=AAAA', 'invalid_cursor'],
    ['a serial that is none', '/api/v1/certificates/zz', 'invalid_request'],
    ['broken percent-encoding', '/api/v1/certificates/%ff', 'invalid_request'],
  ])('%s is refused', async (_what, path, code) => {
    await expectRefusal(await server.ask('GET', path), code, 400);
  });

  test('an Idempotency-Key with a blank is refused', async () => {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'www.example.test' }]);
    const answer = await server.ask(
      'POST',
      SIGN,
      { profile: 'server', csr },
      { headers: { 'idempotency-key': 'a b' } },
    );
    await expectRefusal(answer, 'invalid_idempotency_key', 400);
  });

  test('CVE-2026-45692: variants of a path never reach its route, whoever asks', async () => {
    const agentOf = (login?: Login): Agent => new Agent({ ca: server.roots, ...login, keepAlive: true });
    const [anonymous, nobody, admin] = [
      agentOf(),
      agentOf(await makeLogin('spiffe://example.test/nobody')),
      agentOf(server.admin),
    ];
    for (const { method, path, rule } of Object.values(ROUTES) as Route[]) {
      const exact = path.replace(/\{\w+\}/g, 'servers');
      const ask = async (variant: string, agent: Agent): Promise<number> =>
        (await server.ask(method.toUpperCase(), variant, undefined, { agent })).status;
      // the route itself, to compare with
      // what is for anybody is answered: a page, or what it misses in the body
      expect(await ask(exact, anonymous), `${method} ${exact}`).toBe(
        rule !== 'public' ? 401 : method === 'post' ? 415 : 200,
      );
      if (rule.endsWith('-everything')) expect(await ask(exact, nobody), `${method} ${exact}`).toBe(403);
      for (const variant of [
        `/${exact}`,
        exact.replace('/api/', '/api//'),
        exact.replace('/v1/', '/v1//'),
        exact.replace('/api/', '/API/'),
        exact.replace('/api/', '/%61pi/').replace('%61', '%2561'),
        exact.replace('/v1/', '/V1/'),
        exact.replace('/v1/', '%2fv1/'),
        exact.replace('/v1/', '/v1%2f'),
        exact.replace('/v1/', '/v1;x/'),
        exact.replace('/v1/', '/./v1/'),
        exact.replace('/v1/', '/x/../v1/'),
        exact.replace('/v1/', '/v1\\'),
        exact.replace('/api/', '/api%00/'),
        `${exact}/`,
        `${exact}//`,
      ])
        for (const agent of [anonymous, nobody, admin])
          expect(await ask(variant, agent), `${method} ${variant}`).toBe(404);
      if (path.endsWith('}')) continue;
      // these may be taken for the name of something, by another route with a rule of its own
      for (const variant of ['/.', ';x', '%2f', '%20', '%00', '.json'].map((end) => exact + end))
        for (const agent of [anonymous, nobody, admin])
          expect([400, 401, 403, 404, 405], `${method} ${variant}`).toContain(await ask(variant, agent));
    }
    for (const agent of [anonymous, nobody, admin]) agent.destroy();
  }, 60_000);

  test('a wrong method is told from a wrong path', async () => {
    const answer = await server.ask('PUT', SIGN);
    await expectRefusal(answer, 'method_not_allowed', 405);
    expect(answer.headers['allow']).toContain('POST');
    for (const [method, path] of [
      ['GET', '/api/v1/certificates/generate'],
      ['DELETE', '/api/v1/grants/explain'],
    ] as const) {
      const other = await server.ask(method, path);
      await expectRefusal(other, 'method_not_allowed', 405);
      expect(other.headers['allow']).toBe('POST');
    }
  });

  test('no grant takes the name of a route', async () => {
    const grant = { principal: 'acme:**', verbs: ['issue'], issuer: '*', profiles: ['server'] };
    await expectRefusal(
      await server.ask('POST', '/api/v1/grants', { name: 'explain', ...grant }),
      'invalid_request',
      400,
    );
  });

  test('the answer to a body that is too large arrives, however much is still to come', async () => {
    for (const size of [100_000, 10_000_000]) {
      const answer = await server.ask('POST', SIGN, undefined, { raw: 'x'.repeat(size) });
      await expectRefusal(answer, 'body_too_large', 413);
    }
  });
});

test('no hostile request was answered with 5xx or left unexplained in the log', () => {
  expect(server.logged.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
