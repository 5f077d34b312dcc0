/**
 * The real program under clocks that are wrong (row D9 of our fault list): libfaketime sets the time of a running server
 * and of the command line. The drills of the runbooks “The clock was wrong” and “An issuer expired”.
 */
import { globSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, MINUTE, SECOND } from '../../src/base/clock.ts';
import { verifyOcspResponse } from '../../src/domain/revocation/ocsp-verify.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { type Certificate, findExtension, readCertificate } from '../../src/x509/certificate.ts';
import { readCertificateList, readCrlNumber, revokedCertificates } from '../../src/x509/crl.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { OID } from '../../src/x509/oids.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { type PublicKey, readPublicKey } from '../../src/x509/public-key.ts';
import {
  type Installation,
  install,
  pause,
  type Run,
  type SpawnedServer,
  spawnServer,
  tryRun,
} from '../support/spawned-server.ts';

const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');

/** Where the story is: the authority was made a while ago, so that a clock can be wrong in both directions. */
const BEGINNING = -40 * DAY;
const RIGHT = -38 * DAY;
const LISTS = [
  ...['0', '1', '2', '3', 'full'].map((scope) => `servers-1/${scope}`),
  'clients-1/full',
  'workload-1/full',
  'internal',
  'workload',
];

const clocks = mkdtempSync(join(tmpdir(), 'chancery-clocks-'));
afterAll(() => rmSync(clocks, { recursive: true, force: true }));

/** A clock that can be set while programs run by it. */
class FakeTime {
  readonly file: string;
  offset = 0;

  constructor(name: string, offset: number) {
    this.file = join(clocks, name);
    this.set(offset);
  }

  set(offset: number): void {
    this.offset = offset;
    writeFileSync(`${this.file}.new`, `${offset < 0 ? '-' : '+'}${Math.abs(offset) / SECOND}\n`);
    renameSync(`${this.file}.new`, this.file);
  }

  now = (): number => Date.now() + this.offset;

  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }
}

interface List {
  readonly number: bigint;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly serials: readonly string[];
}

let at: Installation;
let server: SpawnedServer;
/** Of the server's host, and of an operator elsewhere whose clock is right. */
let clock: FakeTime;
let operator: FakeTime;
let issuer: { certificate: Certificate; publicKey: PublicKey };
const certificates: { folder: string; serial: string; octets: Uint8Array }[] = [];

const chancery = (args: readonly string[], by: FakeTime = operator): Promise<Run> =>
  tryRun(args, { ...process.env, ...by.environment });
const ask = (...args: readonly string[]): Promise<Run> => chancery([...args, '--data', at.data]);

async function list(path: string): Promise<List | undefined> {
  const answer = await fetch(`http://127.0.0.1:${at.status}/crl/${path}.crl`);
  const der = new Uint8Array(await answer.arrayBuffer());
  if (answer.status === 503) return undefined;
  expect(answer.status).toBe(200);
  const { thisUpdate, nextUpdate = 0, extensions, entries } = readCertificateList(der);
  return {
    number: readCrlNumber(findExtension({ extensions }, OID.cRLNumber)?.value ?? new Uint8Array(0)),
    thisUpdate,
    nextUpdate,
    serials: [...revokedCertificates({ entries })].map(({ serial }) => toHex(serial)),
  };
}

async function lists(): Promise<Map<string, List>> {
  const all = new Map<string, List>();
  for (const path of LISTS) {
    const found = await list(path);
    if (found !== undefined) all.set(path, found);
  }
  return all;
}

/** What a relying party with that clock makes of the answer; `undefined` where there is none now. */
async function status(serial: Uint8Array, now: number): Promise<string | undefined> {
  const subject = { subject: issuer.certificate.subject, keyBits: issuer.publicKey.keyBits };
  const certId = encodeCertId('sha256', subject, serial);
  const answer = await fetch(`http://127.0.0.1:${at.status}/ocsp`, {
    method: 'POST',
    headers: { 'content-type': 'application/ocsp-request' },
    body: Buffer.from(encodeOcspRequest([certId])),
  });
  const der = new Uint8Array(await answer.arrayBuffer());
  const verdict = verifyOcspResponse(der, { certId, issuer, nonce: undefined, now });
  if (verdict.believed) {
    expect(verdict.nextUpdate, 'an answer past its nextUpdate').toBeGreaterThan(now - SECOND);
    return verdict.status.kind;
  }
  if (verdict.error !== undefined) return undefined;
  throw new Error(`not believed: ${verdict.reason}`);
}

async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  patience = MINUTE,
): Promise<number> {
  const from = performance.now();
  while (!(await holds())) {
    if (performance.now() - from > patience) throw new Error(`not so: ${what}\n${server.output()}`);
    await pause(100);
  }
  return performance.now() - from;
}

const spawn = (): Promise<SpawnedServer> =>
  spawnServer(at, ['env', ...Object.entries(clock.environment).map(([name, value]) => `${name}=${value}`)]);

async function issue(name: string): Promise<Run> {
  const folder = join(at.folder, name);
  const ran = await ask(
    'cert',
    'issue',
    '--profile',
    'server',
    '--dns',
    `${name}.example.test`,
    '--out',
    folder,
  );
  if (ran.code === 0) {
    const pem = await readFile(join(folder, 'cert.pem'), 'utf8');
    const [block] = decodePem(pem);
    const { serial } = readCertificate(block?.der ?? new Uint8Array(0));
    certificates.push({ folder, serial: toHex(serial), octets: serial });
  }
  return ran;
}

const one = (index: number) => {
  const found = certificates[index];
  if (found === undefined) throw new Error('too few certificates');
  return found;
};

beforeAll(async () => {
  clock = new FakeTime('host', BEGINNING);
  operator = new FakeTime('operator', BEGINNING);
  at = await install('', [], { ...process.env, ...clock.environment });
  clock.set(RIGHT);
  operator.set(RIGHT);
  server = await spawn();
  const answer = await fetch(`http://127.0.0.1:${at.status}/issuers/servers-1.crt`);
  const certificate = readCertificate(new Uint8Array(await answer.arrayBuffer()));
  issuer = { certificate, publicKey: readPublicKey(certificate.spki) };
  for (let i = 0; i < 4; i++) expect((await issue(`app-${i}`)).code).toBe(0);
});
afterAll(async () => {
  await server.kill('SIGKILL');
  await at.remove();
});

describe('the clock goes back by a day', () => {
  let before: Map<string, List>;

  test('an alarm is raised, and no leaf is signed', { timeout: 90_000 }, async () => {
    before = await lists();
    expect([...before.keys()]).toEqual(LISTS);
    clock.set(RIGHT - DAY);
    await until('an alarm', () => server.output().includes('the clock went back'));
    const refused = await issue('too-early');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/clock/);
  });

  test('revocation goes on, and CRL and OCSP show it', { timeout: 150_000 }, async () => {
    const { folder, serial, octets } = one(0);
    expect(await ask('cert', 'revoke', folder, '--reason', 'keyCompromise', '--yes')).toMatchObject({
      code: 0,
    });
    await until(
      'in the complete list',
      async () => (await list('servers-1/full'))?.serials.includes(serial) === true,
    );
    await until('in its shard', async () =>
      (await Promise.all(LISTS.slice(0, 4).map(list))).some(
        (shard) => shard?.serials.includes(serial) === true,
      ),
    );
    // whoever has the right time asks, and so does whoever has the server's
    await until('in OCSP', async () => (await status(octets, operator.now()).catch(() => '')) === 'revoked');
  });

  test('no CRL has an older thisUpdate, and numbers rise', async () => {
    const after = await lists();
    for (const [path, { thisUpdate, number }] of before) {
      expect(after.get(path)?.thisUpdate ?? 0, path).toBeGreaterThanOrEqual(thisUpdate);
      expect((after.get(path)?.number ?? 0n) >= number, path).toBe(true);
    }
    expect((after.get('servers-1/full')?.number ?? 0n) > (before.get('servers-1/full')?.number ?? 0n)).toBe(
      true,
    );
  });

  test('once it is right again, leaves are signed', { timeout: 90_000 }, async () => {
    clock.set(RIGHT);
    await until('the end of the alarm', () => server.output().includes('the clock is right again'));
    expect((await issue('in-time')).code).toBe(0);
  });
});

describe('the clock goes forward by thirty days', () => {
  test(
    'everything is renewed before it is served: nothing past its nextUpdate',
    { timeout: 150_000 },
    async () => {
      const stale = await lists();
      clock.set(RIGHT + 30 * DAY);
      for (const [path, { nextUpdate }] of stale) expect(nextUpdate, path).toBeLessThan(clock.now());
      let served = 0;
      const end = performance.now() + 8 * SECOND;
      while (performance.now() < end) {
        for (const path of LISTS) {
          const found = await list(path);
          if (found === undefined) continue;
          served++;
          expect(found.nextUpdate, `${path} was served past its nextUpdate`).toBeGreaterThan(clock.now());
        }
        for (const { octets } of certificates)
          if ((await status(octets, clock.now())) !== undefined) served++;
      }
      expect(served).toBeGreaterThan(100);
      expect([...(await lists()).keys()]).toEqual(LISTS);
      expect(await status(one(0).octets, clock.now())).toBe('revoked');
      expect(await status(one(1).octets, clock.now())).toBe('good');
      expect([...((await lists()).get('servers-1/full')?.serials ?? [])]).toContain(one(0).serial);
    },
  );
});

describe('that was bogus: the clock is right again, and an operator says so', () => {
  test('until then, leaves wait and lists are of the future', { timeout: 90_000 }, async () => {
    clock.set(RIGHT);
    await until('an alarm', () => server.output().split('the clock went back').length > 2);
    expect((await list('servers-1/full'))?.thisUpdate ?? 0).toBeGreaterThan(operator.now() + 29 * DAY);
  });

  test(
    'accept-clock, a start, and `issuer crl publish --accept-clock` for each issuer',
    { timeout: 150_000 },
    async () => {
      const before = await lists();
      await server.kill('SIGTERM');
      const accepted = await ask('server', 'admin', 'accept-clock', '--config', at.config);
      expect(accepted, accepted.stderr).toMatchObject({ code: 0 });
      server = await spawn();
      for (const name of ['servers', 'clients', 'workload']) {
        const published = await ask('issuer', 'crl', 'publish', name, '--accept-clock');
        expect(published, published.stderr).toMatchObject({ code: 0 });
      }
      const after = await lists();
      expect([...after.keys()]).toEqual(LISTS);
      for (const [path, { thisUpdate, nextUpdate, number, serials }] of after) {
        expect(thisUpdate, path).toBeLessThanOrEqual(operator.now());
        expect(nextUpdate, path).toBeGreaterThan(operator.now());
        expect(number > (before.get(path)?.number ?? 0n), path).toBe(true);
        expect(serials, path).toEqual(before.get(path)?.serials);
      }
    },
  );

  test('then all is as before: leaves, revocations, CRL and OCSP', { timeout: 150_000 }, async () => {
    expect((await issue('after-all')).code).toBe(0);
    const { folder, serial, octets } = one(1);
    expect((await ask('cert', 'revoke', folder, '--yes')).code).toBe(0);
    await until(
      'in the complete list',
      async () => (await list('servers-1/full'))?.serials.includes(serial) === true,
    );
    await until('in OCSP', async () => (await status(octets, operator.now()).catch(() => '')) === 'revoked');
    expect((await list('servers-1/full'))?.thisUpdate ?? 0).toBeLessThanOrEqual(operator.now());
    const audit = await ask('audit', 'list', '--limit', '500', '-o', 'json');
    for (const event of ['clock.alarm', 'clock.accepted', 'crl.clock.accepted'])
      expect(audit.stdout, event).toContain(event);
  });
});

describe('an offline root that nobody asked in time', () => {
  let late: Installation;
  afterAll(() => late.remove());

  test(
    'signs the requests that the stopped server makes; then all starts again',
    { timeout: 180_000 },
    async () => {
      const past = new FakeTime('past', -400 * DAY);
      const folder = await mkdtemp(join(tmpdir(), 'chancery-vault-'));
      const [passphraseFile, vault] = [join(folder, 'passphrase'), join(folder, 'vault')];
      writeFileSync(passphraseFile, 'correct horse battery staple\n', { mode: 0o600 });
      const away = ['--root-key-out', vault, '--root-passphrase-file', passphraseFile];
      late = await install('', away, { ...process.env, ...past.environment });
      const here = ['--data', late.data, '--config', late.config];
      const must = async (...args: readonly string[]): Promise<Run> => {
        const ran = await tryRun(args);
        expect(ran, `${args.join(' ')}: ${ran.stderr}`).toMatchObject({ code: 0 });
        return ran;
      };
      const key = (root: string) => [
        '--root-key',
        join(vault, `${root}.root.json`),
        '--passphrase-file',
        passphraseFile,
      ];
      await expect(spawnServer(late)).rejects.toThrow(/only until/);
      for (const [name, root] of [
        ['servers', 'internal'],
        ['clients', 'internal'],
        ['workload', 'workload'],
      ] as const) {
        const [csr, crt] = [join(folder, `${name}.csr`), join(folder, `${name}.crt`)];
        await must('server', 'admin', 'renew-issuer', name, '--out', csr, ...here);
        await must('ca', 'sign-csr', csr, ...key(root), '--out', crt);
        const renewed = await must('server', 'admin', 'renew-issuer', name, '--certificate', crt, ...here);
        expect(renewed.stdout).toContain(`${name}-2 issues now`);
      }
      await must('server', 'admin', 'recover', ...here);
      const server = await spawnServer(late);
      for (const root of ['internal', 'workload']) {
        expect((await fetch(`http://127.0.0.1:${late.status}/crl/${root}.crl`)).status, root).toBe(503);
        const crl = join(folder, `${root}.crl`);
        await must('ca', 'sign-crl', ...key(root), '--out', crl);
        await must('ca', 'import-crl', crl, '--data', late.data);
        expect((await fetch(`http://127.0.0.1:${late.status}/crl/${root}.crl`)).status, root).toBe(200);
      }
      await must(
        'cert',
        'issue',
        '--profile',
        'server',
        '--dns',
        'a.example.test',
        '--out',
        join(folder, 'a'),
        '--data',
        late.data,
      );
      const audit = await must('audit', 'list', '--limit', '200', '-o', 'json', '--data', late.data);
      for (const event of [
        'generation.requested',
        'generation.imported',
        'generation.activated',
        'admin.recovered',
      ])
        expect(audit.stdout, event).toContain(event);
      expect(await server.kill('SIGTERM')).toBe(0);
      await rm(folder, { recursive: true, force: true });
    },
  );
});

describe('a server that was down for longer than its issuers live', () => {
  let late: Installation;
  afterAll(() => late.remove());

  test(
    'makes their successors before it is ready; then the admin is recovered',
    { timeout: 120_000 },
    async () => {
      const past = new FakeTime('past', -400 * DAY);
      late = await install('', [], { ...process.env, ...past.environment });
      // nothing is certified by an issuer that is over
      const tooEarly = await tryRun([
        'server',
        'admin',
        'recover',
        '--data',
        late.data,
        '--config',
        late.config,
      ]);
      expect(tooEarly.code).not.toBe(0);
      const first = await spawnServer(late);
      for (const id of ['servers-2', 'clients-2', 'workload-2'])
        expect((await fetch(`http://127.0.0.1:${late.status}/crl/${id}/full.crl`)).status, id).toBe(200);
      for (const root of ['internal', 'workload'])
        expect((await fetch(`http://127.0.0.1:${late.status}/crl/${root}.crl`)).status, root).toBe(200);
      expect(await first.kill('SIGTERM')).toBe(0);
      const recovered = await tryRun([
        'server',
        'admin',
        'recover',
        '--data',
        late.data,
        '--config',
        late.config,
      ]);
      expect(recovered, recovered.stderr).toMatchObject({ code: 0 });
      const second = await spawnServer(late);
      const shown = await tryRun(['issuer', 'show', 'servers', '--data', late.data]);
      expect(shown.stdout).toMatch(/servers-2 +current/);
      expect(await second.kill('SIGTERM')).toBe(0);
    },
  );
});
