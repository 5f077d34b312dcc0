import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RootResource } from '../../src/api/authority.ts';
import { install, type InstallOptions, uninstall } from '../../src/cli/trust/verbs.ts';
import type { Host } from '../../src/cli/trust/store.ts';
import { certificateFingerprint } from '../../src/x509/certificate.ts';
import { commonName, encodeName, organizationName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { makeCa } from '../support/chains.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, temporaryFolder } from './run.ts';

const ANCHORS = 'usr/local/share/ca-certificates';

/** A root as `init` makes it, and as the API shows it. */
async function rootOf(trustDomain: string, line: string, owner = line): Promise<RootResource> {
  const subject = encodeName([organizationName(trustDomain), commonName(`Chancery ${line} root`)]);
  const { der } = await makeCa(`${trustDomain}/${line}`, undefined, { subject, keyOwner: owner });
  return {
    name: line,
    line,
    state: 'current',
    offline: false,
    subject: `CN=Chancery ${line} root,O=${trustDomain}`,
    fingerprint: certificateFingerprint(der),
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2036-01-01T00:00:00Z',
    keyType: 'ecdsa-p256',
    certificate: encodePem('CERTIFICATE', der),
  };
}

let server: FakeServer;
let internal: RootResource;
let workload: RootResource;
beforeAll(async () => {
  server = await FakeServer.start();
  internal = await rootOf('example.test', 'internal');
  workload = await rootOf('example.test', 'workload');
});
afterAll(() => server.stop());
beforeEach(() => {
  server.routes.clear();
  server.on('GET /api/v1/server', { status: 200, body: { trustDomain: 'example.test' } });
  serve(internal, workload);
});

const serve = (...roots: readonly RootResource[]): FakeServer =>
  server.on('GET /api/v1/roots', { status: 200, body: { roots } });

interface Machine {
  readonly host: Host;
  readonly anchors: string;
  /** Programs that ran, without the prefix. */
  readonly ran: readonly string[];
  readonly install: (root?: string, options?: Partial<InstallOptions>) => Promise<string>;
  readonly uninstall: (options?: Partial<InstallOptions> & { trustDomain?: string }) => Promise<string>;
}

/** A machine in a folder, Debian's kind. */
async function machine({ userId = 0, debian = true } = {}): Promise<Machine> {
  const prefix = temporaryFolder();
  const data = await server.dataFolder(join(prefix, 'data'));
  const anchors = join(prefix, ANCHORS);
  if (debian) {
    mkdirSync(anchors, { recursive: true });
    mkdirSync(join(prefix, 'usr/sbin'));
    writeFileSync(join(prefix, 'usr/sbin/update-ca-certificates'), '');
  }
  const ran: string[] = [];
  const host: Host = {
    prefix,
    userId,
    home: prefix,
    run(program, args) {
      ran.push([program.replace(prefix, ''), ...args].join(' '));
      return Promise.resolve('');
    },
  };
  const options: InstallOptions = { data, store: 'system', output: 'name' };
  const said = async (
    verb: (session: Parameters<ReturnType<typeof install>>[0]) => Promise<void>,
  ): Promise<string> => {
    let text = '';
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()),
    });
    await verb({
      terminal: { stdout: sink, stderr: sink, environment: {}, now: () => Date.now() },
      programs: () => Promise.reject(new Error('not for this test')),
      rootPrograms: () => Promise.reject(new Error('not for this test')),
      statusProgram: () => Promise.reject(new Error('not for this test')),
    });
    return text;
  };
  return {
    host,
    anchors,
    ran,
    install: (root, more) => said((session) => install(host)(session, { ...options, ...more }, root)),
    uninstall: (more) => said((session) => uninstall(host)(session, { ...options, ...more })),
  };
}

const INTERNAL = 'chancery-example.test-internal';
const WORKLOAD = 'chancery-example.test-workload';

describe('ca trust install', () => {
  test('puts each root into a file of its own, and has the bundles made anew', async () => {
    const { anchors, ran, install } = await machine();
    expect(await install()).toBe(`${INTERNAL}\n${WORKLOAD}\n`);
    expect(readdirSync(anchors).sort()).toEqual([`${INTERNAL}.crt`, `${WORKLOAD}.crt`]);
    expect(new X509Certificate(readFileSync(join(anchors, `${INTERNAL}.crt`))).fingerprint256).toBe(
      new X509Certificate(internal.certificate).fingerprint256,
    );
    expect(ran).toEqual(['/usr/sbin/update-ca-certificates --fresh']);
  });

  test('does nothing the second time, and says so', async () => {
    const { ran, install } = await machine();
    await install();
    const again = JSON.parse(await install(undefined, { output: 'json' })) as { roots: { result: string }[] };
    expect(again.roots.map(({ result }) => result)).toEqual(['there already', 'there already']);
    expect(ran).toHaveLength(1);
  });

  test('takes the one that is named, and none that is retired', async () => {
    serve(internal, { ...workload, state: 'retired' });
    const [named, all] = [await machine(), await machine()];
    await named.install('internal');
    await all.install();
    expect(readdirSync(named.anchors)).toEqual([`${INTERNAL}.crt`]);
    expect(readdirSync(all.anchors)).toEqual([`${INTERNAL}.crt`]);
    expect(await refusalOfAsync(() => named.install('other'))).toMatchObject({ code: 'not_found' });
  });

  test('replaces another certificate of the same name, and leaves what is not ours', async () => {
    const { anchors, install } = await machine();
    writeFileSync(join(anchors, 'other.crt'), 'not ours');
    await install('internal');
    serve(await rootOf('example.test', 'internal', 'another key'));
    await install('internal');
    expect(readdirSync(anchors).sort()).toEqual([`${INTERNAL}.crt`, 'other.crt']);
    expect(readFileSync(join(anchors, `${INTERNAL}.crt`), 'utf8')).not.toBe(internal.certificate);
    expect(readFileSync(join(anchors, 'other.crt'), 'utf8')).toBe('not ours');
  });

  test('who is not root is told before a server is asked', async () => {
    const { anchors, install } = await machine({ userId: 1000 });
    server.received.length = 0;
    const refusal = await refusalOfAsync(() => install());
    expect(refusal).toMatchObject({
      code: 'usage',
      detail: { fix: expect.stringContaining('sudo') as string },
    });
    expect([readdirSync(anchors), server.received]).toEqual([[], []]);
  });

  test('a system with another trust store is told what is known', async () => {
    const { install } = await machine({ debian: false });
    expect(await refusalOfAsync(() => install())).toMatchObject({
      code: 'usage',
      detail: { rule: expect.stringContaining('/etc/pki/ca-trust/source/anchors') as string },
    });
  });

  test("Red Hat's folder and program are known", async () => {
    const { host, ran, install } = await machine({ debian: false });
    const anchors = join(host.prefix, 'etc/pki/ca-trust/source/anchors');
    mkdirSync(anchors, { recursive: true });
    mkdirSync(join(host.prefix, 'usr/bin'), { recursive: true });
    writeFileSync(join(host.prefix, 'usr/bin/update-ca-trust'), '');
    await install('internal');
    expect([readdirSync(anchors), ran]).toEqual([[`${INTERNAL}.crt`], ['/usr/bin/update-ca-trust extract']]);
  });
});

describe('ca trust uninstall', () => {
  test('takes out what install put there, and what it put there before a rotation', async () => {
    const { anchors, ran, install, uninstall } = await machine();
    await install();
    writeFileSync(join(anchors, 'chancery-example.test-old.crt'), workload.certificate);
    writeFileSync(join(anchors, 'other.crt'), 'not ours');
    const removed = await uninstall();
    expect(removed.split('\n').sort().slice(1)).toEqual([INTERNAL, 'chancery-example.test-old', WORKLOAD]);
    expect([readdirSync(anchors), ran.length]).toEqual([['other.crt'], 2]);
    expect([await uninstall(), ran.length]).toEqual(['', 2]);
  });

  test('needs no server where the trust domain is named, and leaves those of a longer name', async () => {
    const { anchors, install, uninstall } = await machine();
    serve(await rootOf('example.test-2', 'internal'));
    server.on('GET /api/v1/server', { status: 200, body: { trustDomain: 'example.test-2' } });
    await install();
    expect(await uninstall({ data: '/nonexistent', trustDomain: 'example.test' })).toBe('');
    expect(readdirSync(anchors)).toEqual(['chancery-example.test-2-internal.crt']);
    await uninstall({ data: '/nonexistent', trustDomain: 'example.test-2' });
    expect(readdirSync(anchors)).toEqual([]);
  });
});

describe('a server that is not trusted yet', () => {
  test('its root is installed by the fingerprint, under the name that the subject gives', async () => {
    const { anchors, host } = await machine();
    server.on('GET /roots.pem', { status: 200, body: internal.certificate + workload.certificate });
    const { exit, stdout } = await chancery([
      'ca',
      'trust',
      'print',
      '--url',
      server.url,
      '--fingerprint',
      internal.fingerprint.toUpperCase(),
    ]);
    expect(exit).toBe(0);
    expect(stdout).toBe(
      `# example.test, root internal: ${['example.test', 'Chancery internal root'].join(', ')}\n` +
        `# SHA-256 ${internal.fingerprint}\n${internal.certificate}`,
    );
    const session = {
      terminal: {
        stdout: new Writable({ write: (_chunk, _encoding, done) => done() }),
        stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
        environment: {},
        now: () => Date.now(),
      },
      programs: () => Promise.reject(new Error('not for this test')),
      rootPrograms: () => Promise.reject(new Error('not for this test')),
      statusProgram: () => Promise.reject(new Error('not for this test')),
    };
    const options = { url: server.url, fingerprint: [internal.fingerprint] };
    await install(host)(session, { ...options, store: 'system', output: 'table' }, undefined);
    expect(readdirSync(anchors)).toEqual([`${INTERNAL}.crt`]);
  });

  test.each([
    [['--url', 'https://localhost:1'], '--url is given without --fingerprint'],
    [['--fingerprint', '00'], '--fingerprint is given without --url'],
    [
      ['internal', '--url', 'https://localhost:1', '--fingerprint', '00'],
      'a name and --fingerprint are given',
    ],
  ])('%j is refused', async (flags, message) => {
    const { exit, stderr } = await chancery(['ca', 'trust', 'print', ...flags]);
    expect([exit, stderr]).toEqual([1, expect.stringContaining(message)]);
  });
});

test('a Java keystore of ones own needs the file with its password', async () => {
  const data = await server.dataFolder(join(temporaryFolder(), 'data'));
  const line = ['ca', 'trust', 'install', '--data', data, '--store', 'java', '--keystore', 'x.p12'];
  const { exit, stderr } = await chancery(line);
  expect([exit, stderr]).toEqual([1, expect.stringContaining('the password of x.p12 is not given')]);
});

test('a program that is missing is named, with its package', async () => {
  const home = temporaryFolder();
  const data = await server.dataFolder(join(home, 'data'));
  const path = process.env['PATH'];
  process.env['PATH'] = home;
  const { exit, stderr } = await chancery(['ca', 'trust', 'install', '--data', data, '--store', 'nss'], {
    environment: { HOME: home },
  }).finally(() => (process.env['PATH'] = path));
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/there is no certutil[^]*libnss3-tools/)]);
  expect(existsSync(join(home, '.pki/nssdb/cert9.db'))).toBe(false);
});
