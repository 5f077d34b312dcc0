/** The closed loop in a whole server: a wish is ordered, stored, seen, kept; and taken back where the endpoint breaks. */
import type { ImpactResource } from '../../src/api/revocations.ts';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ManagedResource } from '../../src/api/managed.ts';
import {
  type Answer,
  type Login,
  makeCsr,
  startTestServer,
  type TestServer,
} from '../support/running-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-managed-'));
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(`delivery: { paths: [${JSON.stringify(folder)}] }
grants:
  - { name: shops, principal: "mtls:workload:spiffe://example.test/shops", verbs: [issue, deliver], issuer: servers, profiles: [server], dns: ["*.shop.example.test"], maxTtl: 2d }
  - { name: reader, principal: "mtls:workload:spiffe://example.test/reader", verbs: [read], issuer: servers, profiles: [server], dns: ["**.example.test"] }`);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A service that reads its files when it is told, by the file system: `reload` is what SIGHUP does. */
async function service(name: string, reload: (server: Server, read: () => object) => void) {
  const read = (): { cert: Buffer; key: Buffer } => ({
    cert: readFileSync(join(folder, name, 'fullchain.pem')),
    key: readFileSync(join(folder, name, 'privkey.pem')),
  });
  const listening = createServer({ SNICallback: (_, done) => done(null) });
  const sockets = new Set<TLSSocket>();
  listening.on('secureConnection', (socket) => sockets.add(socket.on('error', () => undefined).end()));
  listening.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const timer = setInterval(() => {
    try {
      reload(listening, read);
    } catch {
      // nothing there yet
    }
  }, 100);
  onTestFinished(async () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listening.close(resolve));
  });
  return { port: (listening.address() as AddressInfo).port, listening };
}

const wish = (name: string, port: number, fields: object = {}) => ({
  names: [`${name}.shop.example.test`],
  issuer: 'servers',
  ttl: '1d',
  targets: [{ files: { directory: join(folder, name), layout: 'nginx' } }],
  probes: [{ tls: { address: `127.0.0.1:${port}`, serverName: `${name}.shop.example.test` } }],
  grace: '3s',
  ...fields,
});

const path = (name: string): string => `/api/v1/managed/${name}`;
const show = async (name: string): Promise<ManagedResource> =>
  (await server.ask('GET', path(name))).json as unknown as ManagedResource;

async function until(name: string, what: (managed: ManagedResource) => boolean): Promise<ManagedResource> {
  const patience = Date.now() + 25_000;
  for (;;) {
    const managed = await show(name);
    if (what(managed)) return managed;
    if (Date.now() > patience) throw new Error(`in vain: ${JSON.stringify(managed, undefined, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
/** A certificate of the issuer `workload`, to log in with. */
async function loginAs(name: string): Promise<Login> {
  const { csr, key } = await makeCsr([{ kind: 'uri', value: `spiffe://example.test/${name}` }]);
  const { json } = await server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr });
  const { certificate, chain } = json as { certificate: string; chain: string[] };
  return { cert: [certificate, ...chain].join(''), key };
}

const put = (name: string, body: object): Promise<Answer> => server.ask('PUT', path(name), body);

describe('a managed certificate', { timeout: 60_000 }, () => {
  test('is ordered, stored, seen and current; renewed, the new one is served and the old one revoked', async () => {
    const { port } = await service('one', (listening, read) => listening.setSecureContext(read()));
    const made = await put('one', wish('one', port));
    expect([made.status, made.json['state']], made.text).toEqual([200, 'new']);
    const first = await until('one', ({ state }) => state === 'current');
    expect(first.versions[0]).toMatchObject({
      number: 1,
      reason: 'first',
      targets: [{ state: 'stored' }],
      probes: [{ address: `127.0.0.1:${port}`, state: 'new' }],
    });
    expect(first.nextRenewal).toBeDefined();

    expect((await server.ask('POST', `${path('one')}/renew`)).status).toBe(200);
    const second = await until('one', ({ versions, state }) => versions.length === 2 && state === 'current');
    expect(second.versions.map(({ number, reason }) => [number, reason])).toEqual([
      [2, 'asked'],
      [1, 'first'],
    ]);
    expect(second.versions[0]?.serial).not.toBe(first.versions[0]?.serial);
    // its day is not over, so that it is revoked; under a day it would lapse
    await until('one', ({ versions }) => versions[1]?.state === 'retired');
    const { lines } = (await server.ask('GET', `${path('one')}/progress`)).json as {
      lines: { message: string }[];
    };
    expect(lines.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['staged', 'verified', 'current', `stored in ${join(folder, 'one')}`]),
    );
  });

  test('is stored but not served where a service never reloads', async () => {
    let loaded = false;
    const { port } = await service('stale', (listening, read) => {
      if (loaded) return;
      listening.setSecureContext(read());
      loaded = true;
    });
    await put('stale', wish('stale', port));
    await until('stale', ({ state }) => state === 'current');
    await server.ask('POST', `${path('stale')}/renew`);
    const stuck = await until('stale', ({ versions }) => versions[0]?.alarm !== undefined);
    expect(stuck.versions.map(({ state, alarm }) => [state, alarm])).toEqual([
      ['staged', 'stored but not served'],
      ['current', undefined],
    ]);
    expect(stuck.versions[0]?.probes[0]?.state).toBe('old');
  });

  test('is rolled back where the reload breaks the service, which then answers again', async () => {
    let seen = '';
    const { port, listening } = await service('broken', (own, read) => {
      const pair = read() as { cert: Buffer };
      if (seen === '') seen = pair.cert.toString();
      if (pair.cert.toString() !== seen) {
        // a service that cannot read what it is given
        own.setSecureContext({ cert: undefined, key: undefined });
        return;
      }
      own.setSecureContext(pair);
    });
    expect(listening.listening).toBe(true);
    await put('broken', wish('broken', port));
    const before = await until('broken', ({ state }) => state === 'current');
    await server.ask('POST', `${path('broken')}/renew`);
    const after = await until('broken', ({ versions }) => versions[0]?.state === 'rolled-back');
    expect(after.versions[1]).toMatchObject({ state: 'current', serial: before.versions[0]?.serial });
    await until('broken', ({ versions }) => versions[1]?.targets[0]?.state === 'stored');
    expect(readFileSync(join(folder, 'broken', 'fullchain.pem'), 'utf8')).toBe(seen);
    const { state } = (await server.ask('GET', `/api/v1/certificates/${before.versions[0]?.serial ?? ''}`))
      .json;
    expect(state).toBe('valid');
  });

  test('is replaced within seconds after its certificate was revoked', async () => {
    await put('revoked', wish('revoked', 1, { probes: [] }));
    const { versions } = await until('revoked', ({ state }) => state === 'current');
    const serial = versions[0]?.serial ?? '';
    const { json } = await server.ask('POST', '/api/v1/revocations/impact', { serials: [serial] });
    expect((json as ImpactResource).certificates[0]?.deliveries).toEqual([
      expect.stringMatching(/^revoked → files:\//) as string,
    ]);
    const started = Date.now();
    const { status } = await server.ask('POST', '/api/v1/revocations', {
      serials: [serial],
      reason: 'keyCompromise',
    });
    expect(status).toBe(200);
    const healed = await until(
      'revoked',
      (managed) => managed.versions[0]?.number === 2 && managed.state === 'current',
    );
    expect(Date.now() - started).toBeLessThan(6000);
    expect(['compromised', 'revoked']).toContain(healed.versions[0]?.reason);
  });
});

describe('nobody can wish for more than they hold:', () => {
  const own = (fields: object = {}): object => ({
    names: ['own.shop.example.test'],
    issuer: 'servers',
    ttl: '2d',
    targets: [{ files: { directory: join(folder, 'own') } }],
    ...fields,
  });
  const codeOf = ({ status, json }: Answer): unknown => [status, json['code']];

  test('issue and deliver on every name, for no longer than the grant says', async () => {
    const login = await loginAs('shops');
    const ask = (body: object): Promise<Answer> => server.ask('PUT', path('own'), body, { login });
    for (const more of [
      { names: ['own.shop.example.test', 'bank.example.test'] },
      { ttl: '3d' },
      // the profile's own life is longer, too
      { ttl: undefined },
    ])
      expect(codeOf(await ask(own(more))), JSON.stringify(more)).toEqual([403, 'not_granted']);
    expect((await ask(own())).status).toBe(200);
    // it cannot be led elsewhere either, nor can another one's be taken
    await server.ask('PUT', path('bank'), { names: ['bank.example.test'], issuer: 'servers' });
    expect(codeOf(await server.ask('PUT', path('bank'), own({ targets: [] }), { login }))).toEqual([
      403,
      'not_granted',
    ]);
    expect(codeOf(await server.ask('DELETE', path('bank'), undefined, { login }))).toEqual([
      404,
      'not_found',
    ]);
    expect(codeOf(await server.ask('POST', `${path('bank')}/renew`, undefined, { login }))).toEqual([
      404,
      'not_found',
    ]);
    expect(
      codeOf(
        await server.ask(
          'POST',
          '/api/v1/apply',
          {
            documents: [
              { apiVersion: 'chancery/v1', kind: 'ManagedCertificate', name: 'own', spec: own() },
              {
                apiVersion: 'chancery/v1',
                kind: 'ManagedCertificate',
                name: 'new',
                spec: own({ names: ['x.bank.example.test'], targets: [] }),
              },
            ],
          },
          { login },
        ),
      ),
    ).toEqual([403, 'not_granted']);
    expect((await server.ask('GET', path('own'))).json['set']).toBeUndefined();
  });

  test('read shows and changes nothing', async () => {
    const login = await loginAs('reader');
    expect((await server.ask('GET', path('bank'), undefined, { login })).status).toBe(200);
    for (const verb of ['renew', 'pause', 'resume'])
      expect(codeOf(await server.ask('POST', `${path('bank')}/${verb}`, undefined, { login })), verb).toEqual(
        [403, 'not_granted'],
      );
    expect(codeOf(await server.ask('DELETE', path('bank'), undefined, { login }))).toEqual([
      403,
      'not_granted',
    ]);
    const stranger = await loginAs('stranger');
    expect((await server.ask('GET', path('bank'), undefined, { login: stranger })).status).toBe(404);
    expect(
      (await server.ask('GET', '/api/v1/managed', undefined, { login: stranger })).json['managed'],
    ).toEqual([]);
  });

  test('a public CA takes a grant of its name', async () => {
    const login = await loginAs('shops');
    const spec = {
      directory: 'https://127.0.0.1:9/dir',
      termsOfServiceAgreed: true,
      solvers: [{ http01: { listen: '127.0.0.1:5002' } }],
    };
    expect(codeOf(await server.ask('PUT', '/api/v1/authorities/outside', spec, { login }))).toEqual([
      403,
      'not_granted',
    ]);
    expect((await server.ask('PUT', '/api/v1/authorities/outside', spec)).status).toBe(200);
    expect(
      codeOf(
        await server.ask(
          'PUT',
          path('out'),
          { names: ['out.shop.example.test'], issuer: { public: 'outside' } },
          { login },
        ),
      ),
    ).toEqual([403, 'not_granted']);
  });

  test('a directory is one wish’s, and the data folder nobody’s', async () => {
    const other = own({ names: ['thief.shop.example.test'] });
    expect(codeOf(await server.ask('PUT', path('thief'), other))).toEqual([409, 'already_exists']);
    for (const targets of [
      [{ files: { directory: join(server.data, 'admin') } }],
      [
        {
          files: {
            directory: join(folder, 'p12'),
            layout: 'java',
            password: { file: `${server.data}/keys/kek` },
          },
        },
      ],
      [{ files: { directory: `${folder}/..${server.data.slice(server.data.lastIndexOf('/chancery-'))}/x` } }],
    ])
      expect(codeOf(await server.ask('PUT', path('inside'), own({ targets })))).toEqual([
        403,
        'delivery_refused',
      ]);
  });

  test('a target beyond delivery.paths and delivery.commands is refused when it is written, field by field', async () => {
    const targets = [
      { files: { directory: join(folder, 'fine') } },
      { files: { directory: '/etc/nginx', reload: { command: 'sh' } } },
      { files: { directory: `${folder}-not`, reload: { systemd: 'nginx.service' } } },
      { files: { directory: `${folder}/a/../../b` } },
    ];
    const spec = { names: ['beyond.shop.example.test'], issuer: 'servers', targets };
    const faults = [
      'targets.1.files.directory',
      'targets.1.files.reload.command',
      'targets.2.files.directory',
      'targets.2.files.reload.systemd',
      'targets.3.files.directory',
    ];
    const documents = [{ apiVersion: 'chancery/v1', kind: 'ManagedCertificate', name: 'beyond', spec }];
    for (const answer of [
      await put('beyond', spec),
      await server.ask('POST', '/api/v1/apply', { set: 'beyond', documents }),
    ]) {
      expect(codeOf(answer), answer.text).toEqual([400, 'invalid_request']);
      expect((answer.json['errors'] as { field: string }[]).map(({ field }) => field)).toEqual(faults);
    }
    expect((await server.ask('GET', path('beyond'))).status).toBe(404);
  });

  test('a change of layout is delivered at once, of the same certificate', async () => {
    const files = { directory: join(folder, 'relaid'), layout: 'nginx' };
    const spec = { names: ['relaid.shop.example.test'], issuer: 'servers', grace: '1s' };
    await put('relaid', { ...spec, targets: [{ files }] });
    const first = await until('relaid', ({ state }) => state === 'current');
    await put('relaid', { ...spec, targets: [{ files: { ...files, layout: 'haproxy' } }] });
    const bundle = join(folder, 'relaid', 'tls.pem');
    await expect.poll(() => existsSync(bundle), { timeout: 10_000 }).toBe(true);
    expect(readFileSync(bundle, 'latin1')).toContain('PRIVATE KEY');
    const after = await until('relaid', ({ versions }) => versions[0]?.targets[0]?.state === 'stored');
    expect(after.versions.map(({ serial }) => serial)).toEqual([first.versions[0]?.serial]);
  });

  test('a change of targets keeps the certificate, a change of names does not', async () => {
    const spec = { names: ['kept.shop.example.test'], issuer: 'servers', grace: '1s' };
    await put('kept', spec);
    const first = await until('kept', ({ state }) => state === 'current');
    await put('kept', { ...spec, targets: [{ files: { directory: join(folder, 'kept') } }], owner: 'team' });
    const moved = await until('kept', ({ versions }) => versions[0]?.targets[0]?.state === 'stored');
    expect(moved.versions[0]?.serial).toBe(first.versions[0]?.serial);
    await put('kept', { ...spec, names: ['kept.shop.example.test', 'also.shop.example.test'] });
    const changed = await until(
      'kept',
      ({ versions, state }) => versions[0]?.number === 2 && state === 'current',
    );
    expect(changed.versions[0]?.reason).toBe('changed');
  });
});
