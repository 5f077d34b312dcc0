import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { basicConstraints } from '../../src/x509/extensions.ts';
import { loginOf, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(`grants:
  - { name: app-team, principal: "mtls:workload:spiffe://example.test/team/*", verbs: [issue, read], issuer: servers, profiles: [server], dns: ["*.app.example.test"], maxTtl: 2d }
  - { name: some-clients, principal: "mtls:workload:spiffe://example.test/watch/some", verbs: [read], issuer: clients, profiles: [client], dns: ["c.example.test"] }
  - { name: all-clients, principal: "mtls:workload:spiffe://example.test/watch/all", verbs: [read], issuer: clients, profiles: [client], uri: ["**"], dns: ["**"], ip: ["0.0.0.0/0", "::/0"], email: ["**"] }`);
});
afterAll(() => server.stop());

const sign = async (profile: string, kind: 'uri' | 'dns', value: string, more: object = {}, options = {}) => {
  const { csr, key } = await makeCsr([{ kind, value }]);
  const answer = await server.ask('POST', '/api/v1/certificates', { profile, csr, ...more }, options);
  return { answer, key };
};

describe('signing a certificate request', () => {
  test('answers 201 with leaf, chain, anchors and the rule that allowed it', async () => {
    const { answer } = await sign('workload', 'uri', 'spiffe://example.test/app');
    expect(answer.status).toBe(201);
    const leaf = new X509Certificate(String(answer.json['certificate']));
    const [issuing] = answer.json['chain'] as string[];
    const [root] = answer.json['roots'] as string[];
    expect(leaf.subjectAltName).toBe('URI:spiffe://example.test/app');
    expect(leaf.checkIssued(new X509Certificate(issuing ?? ''))).toBe(true);
    expect(new X509Certificate(issuing ?? '').checkIssued(new X509Certificate(root ?? ''))).toBe(true);
    expect(answer.json).toMatchObject({
      issuer: 'workload',
      generation: 'workload-1',
      rule: 'builtin:admin',
    });
    expect(leaf.serialNumber.toLowerCase()).toBe(answer.json['serial']);
  });

  test('a lifetime is counted from now', async () => {
    const { answer } = await sign('server', 'dns', 'www.example.test', { ttl: '1h' });
    const left = Date.parse(String(answer.json['notAfter'])) - Date.now();
    expect(Math.abs(left - 3_600_000)).toBeLessThan(5000);
  });

  test('SPI-01-004: a SPIFFE ID that the caller is not granted is refused with the rule and the nearest grant', async () => {
    const { answer, key } = await sign('workload', 'uri', 'spiffe://example.test/team/a');
    const login = loginOf(answer.json, key);
    const refused = await sign('workload', 'uri', 'spiffe://example.test/other', {}, { login });
    expect(refused.answer.status).toBe(403);
    expect(refused.answer.json).toMatchObject({
      code: 'not_granted',
      decision: { allowed: false, nearest: { rule: 'app-team' } },
    });
    const wrongName = await sign('server', 'dns', 'www.example.test', {}, { login });
    expect(wrongName.answer.json).toMatchObject({ code: 'not_granted' });
    expect(String(wrongName.answer.json['rule'])).toContain('*.app.example.test');
    const allowed = await sign('server', 'dns', 'x.app.example.test', {}, { login });
    expect(allowed.answer.json).toMatchObject({ rule: 'app-team' });
    const tooLong = await sign('server', 'dns', 'x.app.example.test', { ttl: '3d' }, { login });
    expect(tooLong.answer.json).toMatchObject({
      code: 'not_granted',
      decision: { nearest: { lacks: [{ facet: 'ttl' }] } },
    });
  });

  test('a request for the rights of a CA is refused', async () => {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'www.example.test' }], {
      extensions: [basicConstraints({ ca: true })],
    });
    const answer = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ code: 'csr_asks_for_more' });
  });

  test('reserved names are granted to nobody, the admin included', async () => {
    const { answer } = await sign('client', 'uri', 'spiffe://example.test/chancery/admin');
    expect(answer.status).toBe(403);
  });
});

describe('mTLS principals', () => {
  test('without a certificate nothing is served', async () => {
    const answer = await server.ask('GET', '/api/v1/certificates', undefined, { login: null });
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ code: 'unauthenticated' });
  });

  test('a server certificate never logs in', async () => {
    const { answer, key } = await sign('server', 'dns', 'www.example.test');
    const login = loginOf(answer.json, key);
    const refused = await server.ask('GET', '/api/v1/server', undefined, { login });
    expect(refused.status).toBe(401);
    expect(refused.json).toMatchObject({ code: 'credential_rejected' });
  });

  test('a workload renews the certificate it holds, with a new key and no grant', async () => {
    const { answer, key } = await sign('workload', 'uri', 'spiffe://example.test/renewer', { ttl: '10m' });
    const login = loginOf(answer.json, key);
    const next = await makeCsr([]);
    const renewed = await server.ask(
      'POST',
      `/api/v1/certificates/${String(answer.json['serial'])}/renew`,
      { csr: next.csr },
      { login },
    );
    expect(renewed.status).toBe(201);
    expect(renewed.json).toMatchObject({
      rule: 'builtin:self-renewal',
      names: { uri: ['spiffe://example.test/renewer'] },
    });
    const again = await server.ask('GET', '/api/v1/server', undefined, {
      login: loginOf(renewed.json, next.key),
    });
    expect(again.json).toMatchObject({ principal: 'mtls:workload:spiffe://example.test/renewer' });
  });

  test('OpenBao CVE-2026-39388: renewal with another certificate, other names or a longer life is refused', async () => {
    const mine = await sign('workload', 'uri', 'spiffe://example.test/one', { ttl: '10m' });
    const theirs = await sign('workload', 'uri', 'spiffe://example.test/two', { ttl: '10m' });
    const login = loginOf(mine.answer.json, mine.key);
    const plain = await makeCsr([]);
    const serial = (answer: typeof mine) => String(answer.answer.json['serial']);
    const other = await server.ask(
      'POST',
      `/api/v1/certificates/${serial(theirs)}/renew`,
      { csr: plain.csr },
      { login },
    );
    expect(other.status).toBe(403);
    const renamed = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/two' }]);
    const changed = await server.ask(
      'POST',
      `/api/v1/certificates/${serial(mine)}/renew`,
      { csr: renamed.csr },
      { login },
    );
    expect(changed.json).toMatchObject({ status: 403, code: 'names_differ' });
    const longer = await server.ask(
      'POST',
      `/api/v1/certificates/${serial(mine)}/renew`,
      { csr: plain.csr, ttl: '5h' },
      { login },
    );
    expect(longer.json).toMatchObject({ status: 403, code: 'not_granted' });
  });
});

describe('Idempotency-Key', () => {
  test('a replay returns the same certificate and never a private key', async () => {
    const headers = { 'idempotency-key': 'replay-1' };
    const body = { profile: 'server', names: { dns: ['idem.example.test'] } };
    const first = await server.ask('POST', '/api/v1/certificates/generate', body, { headers });
    expect(first.status).toBe(201);
    expect(String(first.json['privateKey'])).toContain('BEGIN PRIVATE KEY');
    const second = await server.ask('POST', '/api/v1/certificates/generate', body, { headers });
    expect(second.json['serial']).toBe(first.json['serial']);
    expect(second.json['privateKey']).toBeUndefined();
    expect(second.headers['idempotency-replayed']).toBe('true');
    const other = await server.ask(
      'POST',
      '/api/v1/certificates/generate',
      { ...body, ttl: '1d' },
      { headers },
    );
    expect(other.json).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  test('64 at once with one key get one certificate', async () => {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'race.example.test' }]);
    const answers = await Promise.all(
      Array.from({ length: 64 }, () =>
        server.ask(
          'POST',
          '/api/v1/certificates',
          { profile: 'server', csr },
          { headers: { 'idempotency-key': 'race' } },
        ),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ json }) => json['serial'])).size).toBe(1);
    const found = await server.ask('GET', '/api/v1/certificates?name=race.example.test');
    expect((found.json['certificates'] as unknown[]).length).toBe(1);
  });
});

describe('the inventory', () => {
  test('finds a certificate by name, serial and principal; pages by cursor', async () => {
    const { answer } = await sign('server', 'dns', 'find.example.test');
    const serial = String(answer.json['serial']);
    for (const query of [
      'name=find.example.test',
      `serial=${serial}`,
      `principal=${encodeURIComponent('mtls:clients:spiffe://example.test/chancery/admin')}`,
    ]) {
      const found = await server.ask('GET', `/api/v1/certificates?${query}`);
      expect(
        (found.json['certificates'] as { serial: string }[]).map((row) => row.serial),
        query,
      ).toContain(serial);
    }
    const first = await server.ask('GET', '/api/v1/certificates?limit=1');
    const second = await server.ask(
      'GET',
      `/api/v1/certificates?limit=1&cursor=${String(first.json['cursor'])}`,
    );
    expect(second.json['certificates']).not.toEqual(first.json['certificates']);
    const shown = await server.ask('GET', `/api/v1/certificates/${serial}`);
    expect(shown.json).toMatchObject({ serial, state: 'valid', profile: 'server' });
  });

  test('a workload sees its own certificate and nothing of others', async () => {
    const mine = await sign('workload', 'uri', 'spiffe://example.test/lonely');
    const login = loginOf(mine.answer.json, mine.key);
    const list = await server.ask('GET', '/api/v1/certificates?limit=500', undefined, { login });
    expect((list.json['certificates'] as { serial: string }[]).map(({ serial }) => serial)).toEqual([
      mine.answer.json['serial'],
    ]);
    const { answer } = await sign('server', 'dns', 'hidden.example.test');
    const hidden = await server.ask(
      'GET',
      `/api/v1/certificates/${String(answer.json['serial'])}`,
      undefined,
      { login },
    );
    expect(hidden.status).toBe(404);
  });
});

test('certificates with reserved names are for who reads everything of their issuer', async () => {
  const seenBy = async (who: string): Promise<unknown[]> => {
    const { answer, key } = await sign('workload', 'uri', `spiffe://example.test/watch/${who}`);
    const login = loginOf(answer.json, key);
    const list = await server.ask('GET', '/api/v1/certificates?profile=client', undefined, { login });
    return (list.json['certificates'] as { names: unknown }[]).map(({ names }) => names);
  };
  expect(await seenBy('all')).toContainEqual({ uri: ['spiffe://example.test/chancery/admin'] });
  expect(await seenBy('some')).toEqual([]);
});

describe('grants', () => {
  test('are explained by the code that decides', async () => {
    const answer = await server.ask('POST', '/api/v1/grants/explain', {
      principal: 'mtls:workload:spiffe://example.test/team/a',
      profile: 'server',
      names: { dns: ['x.app.example.test'] },
      ttl: '1d',
    });
    expect(answer.json).toMatchObject({ allowed: true, rule: 'app-team' });
  });

  test('of the file are read-only', async () => {
    const answer = await server.ask('DELETE', '/api/v1/grants/app-team');
    expect(answer.json).toMatchObject({ status: 403, code: 'read_only' });
  });

  test('made through the API decide at once, survive a restart, and end when deleted', async () => {
    const { answer, key } = await sign('workload', 'uri', 'spiffe://example.test/late', { ttl: '20h' });
    const login = loginOf(answer.json, key);
    const ask = () => sign('server', 'dns', 'late.example.test', {}, { login });
    expect((await ask()).answer.status).toBe(403);
    const grant = {
      name: 'late',
      principal: 'mtls:workload:spiffe://example.test/late',
      verbs: ['issue'],
      issuer: 'servers',
      profiles: ['server'],
      dns: ['late.example.test'],
    };
    expect((await server.ask('POST', '/api/v1/grants', grant)).status).toBe(201);
    expect((await ask()).answer.json).toMatchObject({ rule: 'late' });
    await server.restart();
    expect((await ask()).answer.status).toBe(201);
    expect((await server.ask('DELETE', '/api/v1/grants/late')).status).toBe(204);
    expect((await ask()).answer.status).toBe(403);
  });

  test('nobody can grant more than they hold', async () => {
    const { answer, key } = await sign('client', 'uri', 'spiffe://example.test/ops/ann');
    const login = loginOf(answer.json, key);
    const own = {
      name: 'ann',
      principal: 'mtls:clients:spiffe://example.test/ops/ann',
      verbs: ['issue', 'admin'],
      issuer: 'servers',
      profiles: ['server'],
      dns: ['**.ann.example.test'],
    };
    expect((await server.ask('POST', '/api/v1/grants', own)).status).toBe(201);
    const narrower = {
      name: 'bob',
      principal: 'mtls:clients:spiffe://example.test/ops/bob',
      verbs: ['issue'],
      issuer: 'servers',
      profiles: ['server'],
      dns: ['*.ann.example.test'],
    };
    expect((await server.ask('POST', '/api/v1/grants', narrower, { login })).status).toBe(201);
    const wider = { ...narrower, name: 'carol', dns: ['**'] };
    expect((await server.ask('POST', '/api/v1/grants', wider, { login })).json).toMatchObject({
      status: 403,
      code: 'grant_exceeds_own',
    });
    expect((await server.ask('GET', '/api/v1/grants', undefined, { login })).status).toBe(403);
  });
});
