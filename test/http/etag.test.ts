/** Changing what one has seen, and not what somebody else made of it meanwhile. */
import { Agent } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loginOf, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(`grants:
  - { name: app-ops, principal: "mtls:workload:spiffe://example.test/ops", verbs: [issue, read, admin], issuer: servers, profiles: [server], dns: ["*.app.example.test"], maxTtl: 2d }`);
});
afterAll(() => server.stop());

const WEB = {
  principal: 'mtls:workload:spiffe://example.test/web',
  verbs: ['issue'],
  issuer: 'servers',
  profiles: ['server'],
  dns: ['*.web.example.test'],
};
const PATH = '/api/v1/grants/web';
const header = (name: string, value: string) => ({ headers: { [name]: value } });
const etagOf = async (path = PATH): Promise<string> =>
  String((await server.ask('GET', path)).headers['etag']);

beforeEach(async () => {
  await server.ask('DELETE', PATH);
  expect((await server.ask('POST', '/api/v1/grants', { name: 'web', ...WEB })).status).toBe(201);
});

describe('GET', () => {
  test('answers a strong ETag that stays while the grant stays, and is another when it changes', async () => {
    const [first, second] = [await etagOf(), await etagOf()];
    expect(first).toMatch(/^"[\w-]{43}"$/);
    expect(second).toBe(first);
    const created = await server.ask('POST', '/api/v1/grants', { name: 'other', ...WEB });
    expect(created.headers['etag']).toBe(await etagOf('/api/v1/grants/other'));
    await server.ask('DELETE', '/api/v1/grants/other');
    const changed = await server.ask('PUT', PATH, { ...WEB, maxTtl: '1d' });
    expect(changed.headers['etag']).not.toBe(first);
    expect(await etagOf()).toBe(changed.headers['etag']);
  });

  test.each([
    ['the ETag', (etag: string) => etag, 304],
    ['the ETag among others', (etag: string) => `"x", ${etag}`, 304],
    ['the ETag, called weak', (etag: string) => `W/${etag}`, 304],
    ['anything', () => '*', 304],
    ['another ETag', () => '"x"', 200],
    ['nothing that is an ETag', () => ',,', 200],
  ])('with If-None-Match of %s answers accordingly', async (_what, value, status) => {
    const answer = await server.ask('GET', PATH, undefined, header('if-none-match', value(await etagOf())));
    expect(answer.status).toBe(status);
    expect(answer.headers['etag']).toBe(await etagOf());
    if (status === 304) expect(answer.text).toBe('');
  });
});

describe('PUT', () => {
  test('replaces the grant whole: it decides so from now on, and the log has both texts', async () => {
    const answer = await server.ask('PUT', PATH, {
      ...WEB,
      dns: ['*.other.example.test'],
      owner: 'web team',
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ name: 'web', source: 'api', dns: ['*.other.example.test'] });
    expect(answer.json).toEqual((await server.ask('GET', PATH)).json);
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/web' }]);
    const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr });
    const login = loginOf(issued.json, key);
    const sign = async (name: string) => {
      const names = [{ kind: 'dns', value: name }] as const;
      const body = { profile: 'server', csr: (await makeCsr(names)).csr };
      return (await server.ask('POST', '/api/v1/certificates', body, { login })).status;
    };
    expect([await sign('a.web.example.test'), await sign('a.other.example.test')]).toEqual([403, 201]);
    const { entries } = (await server.ask('GET', '/api/v1/audit?limit=20')).json as {
      entries: { event: string; details: Record<string, string> }[];
    };
    const entry = entries.find(({ event }) => event === 'grant.changed');
    expect(entry?.details).toMatchObject({ grant: 'web', rule: 'builtin:admin' });
    expect(entry?.details['before']).toContain('*.web.example.test');
    expect(entry?.details['spec']).toContain('*.other.example.test');
  });

  test.each([
    ['a grant that is not there', '/api/v1/grants/nothing', WEB, 404, 'not_found'],
    ['a grant of the file', '/api/v1/grants/app-ops', WEB, 403, 'read_only'],
    ['a built-in grant', '/api/v1/grants/builtin:admin', WEB, 403, 'read_only'],
    ['a grant by another name', PATH, { ...WEB, name: 'other' }, 400, 'invalid_request'],
    ['half a grant', PATH, { principal: WEB.principal }, 400, 'invalid_request'],
    ['a reserved name', PATH, { ...WEB, uri: ['spiffe://example.test/chancery/x'] }, 400, 'invalid_name'],
  ])('of %s is refused', async (_what, path, body, status, code) => {
    const etag = await etagOf();
    expect((await server.ask('PUT', path, body)).json).toMatchObject({ status, code });
    expect(await etagOf()).toBe(etag);
  });

  test('takes that one holds what the grant says before and what it is to say', async () => {
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/ops' }]);
    const login = loginOf(
      (await server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr })).json,
      key,
    );
    const own = { ...WEB, dns: ['a.app.example.test'], maxTtl: '1d' };
    const refused = { status: 403, code: 'grant_exceeds_own' };
    expect((await server.ask('PUT', PATH, own, { login })).json).toMatchObject(refused); // others' grant
    const mine = { ...own, name: 'mine' };
    expect((await server.ask('POST', '/api/v1/grants', mine, { login })).status).toBe(201);
    const put = (body: object) => server.ask('PUT', '/api/v1/grants/mine', body, { login });
    expect((await put({ ...own, maxTtl: '3d' })).json).toMatchObject(refused);
    expect((await put({ ...own, maxTtl: '36h' })).status).toBe(200);
  });
});

describe('If-Match', () => {
  test.each(['PUT', 'DELETE'])('of what was seen lets %s pass, of what it was before not', async (method) => {
    const before = await etagOf();
    const change = (value: string) =>
      server.ask(
        method,
        PATH,
        method === 'PUT' ? { ...WEB, maxTtl: '2d' } : undefined,
        header('if-match', value),
      );
    expect((await server.ask('PUT', PATH, { ...WEB, maxTtl: '1d' })).status).toBe(200);
    for (const stale of [before, `W/${await etagOf()}`, 'x', ''])
      expect((await change(stale)).json).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect((await server.ask('GET', PATH)).json).toMatchObject({ maxTtl: '1d' });
    expect((await change(`"x", ${await etagOf()}`)).status).toBeLessThan(300);
  });

  test('the same by ten at once passes once: nobody overwrites what they did not see', async () => {
    const options = header('if-match', await etagOf());
    const agents = Array.from(
      { length: 10 },
      () => new Agent({ ca: server.roots, ...server.admin, keepAlive: true }),
    );
    // connections that are open already: the requests arrive together
    await Promise.all(agents.map((agent) => server.ask('GET', PATH, undefined, { agent })));
    const answers = await Promise.all(
      agents.map((agent, i) =>
        server.ask('PUT', PATH, { ...WEB, maxTtl: `${i + 1}h` }, { ...options, agent }),
      ),
    );
    for (const agent of agents) agent.destroy();
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(9);
  });

  test('* means whatever is there', async () => {
    expect((await server.ask('DELETE', PATH, undefined, header('if-match', '*'))).status).toBe(204);
    expect((await server.ask('DELETE', PATH, undefined, header('if-match', '*'))).status).toBe(404);
  });

  test('keeps a token from being revoked after it was used', async () => {
    const body = { profile: 'workload', names: { uri: ['spiffe://example.test/app'] }, uses: 2 };
    const { json } = await server.ask('POST', '/api/v1/tokens', body);
    const path = `/api/v1/tokens/${String(json['id'])}`;
    const etag = await etagOf(path);
    const bearer = header('authorization', `Bearer ${String(json['token'])}`);
    const { csr } = await makeCsr([]);
    expect(
      (await server.ask('POST', '/api/v1/certificates', { csr }, { ...bearer, login: null })).status,
    ).toBe(201);
    const revoke = (value: string) => server.ask('DELETE', path, undefined, header('if-match', value));
    expect((await revoke(etag)).status).toBe(412);
    expect((await revoke(await etagOf(path))).status).toBe(204);
  });
});
