/** Orders at a real CA: Pebble with its faults on. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetchChain, type Chain } from '../../src/acme-client/chain.ts';
import { AuthorityError } from '../../src/acme-client/errors.ts';
import { type OrderRecord, runOrder, type Solver } from '../../src/acme-client/order.ts';
import type { AcmeIdentifier } from '../../src/acme-client/resources.ts';
import { Rfc2136 } from '../../src/acme-client/solvers/dns01.ts';
import { Http01Listener } from '../../src/acme-client/solvers/http01.ts';
import { TlsAlpn01Listener } from '../../src/acme-client/solvers/tls-alpn01.ts';
import { Transport } from '../../src/acme-client/transport.ts';
import { Wire } from '../../src/acme-client/wire.ts';
import { SECOND } from '../../src/base/clock.ts';
import { systemClock, systemRandom } from '../../src/server/world.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { assembleRequest, encodeRequestInfo } from '../../src/x509/csr.ts';
import { subjectAltName } from '../../src/x509/extensions.ts';
import { exportPkcs8, generateKeyPair, signWith } from '../../src/x509/key-pair.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';

const sleep = (duration: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, duration));

async function pebble(options: PebbleOptions = {}): Promise<Pebble> {
  const started = await startPebble(options);
  onTestFinished(() => started.stop());
  return started;
}

interface Client {
  readonly wire: Wire;
  readonly accountUrl: string;
}

async function client(ca: Pebble, eab?: Pebble['eab']): Promise<Client> {
  const { privateKey } = await generateKeyPair('ecdsa-p256');
  const directory = new URL(ca.directory);
  const transport = new Transport({ directory, roots: ca.roots, userAgent: 'chancery test' });
  onTestFinished(() => transport.close());
  const wire = await Wire.open({
    directory,
    transport,
    clock: systemClock,
    accountKey: encodePem('PRIVATE KEY', exportPkcs8(privateKey)),
    accountUrl: undefined,
    eab,
  });
  return { wire, accountUrl: await wire.register(['mailto:ops@example.test'], true) };
}

interface Ordered {
  readonly names: readonly AcmeIdentifier[];
  readonly solvers: readonly Solver[];
  readonly profile?: string;
  readonly record?: OrderRecord;
  readonly saved?: OrderRecord[];
  readonly preferredChain?: string;
  readonly replaces?: string;
}

async function order({ wire, accountUrl }: Client, ordered: Ordered): Promise<Chain> {
  const { privateKey, publicKey } = await generateKeyPair('ecdsa-p256');
  const info = encodeRequestInfo({
    subject: EMPTY_NAME,
    spki: publicKey.spki,
    extensions: [
      subjectAltName(
        ordered.names.map(({ type, value }) => ({ kind: type, value })),
        false,
      ),
    ],
  });
  const { identifier } = signatureAlgorithmFor(publicKey.type);
  const csr = assembleRequest(info, identifier, signWith({ privateKey, publicKey }, info));
  const url = await runOrder({
    wire,
    accountUrl,
    identifiers: ordered.names,
    profile: ordered.profile,
    replaces: ordered.replaces,
    csr,
    solvers: ordered.solvers,
    record: ordered.record ?? { intendedAt: null, orderUrl: null },
    save: (record) => {
      ordered.saved?.push(record);
      return Promise.resolve();
    },
    report: () => undefined,
    clock: systemClock,
    sleep,
    signal: new AbortController().signal,
  });
  return fetchChain(wire, url, {
    spki: publicKey.spki,
    identifiers: ordered.names,
    preferredChain: ordered.preferredChain,
  });
}

const dns = (...values: string[]): AcmeIdentifier[] => values.map((value) => ({ type: 'dns', value }));
const http01 = ({ httpPort }: Pebble): Solver => new Http01Listener({ host: '127.0.0.1', port: httpPort });
const tlsAlpn01 = ({ tlsPort }: Pebble): Solver =>
  new TlsAlpn01Listener({
    listen: { host: '127.0.0.1', port: tlsPort },
    clock: systemClock,
    random: systemRandom(),
  });

describe('a public CA', () => {
  test('http-01 for several names, and an address', async () => {
    const ca = await pebble();
    const names = [
      ...dns('shop.example.test', 'www.example.test'),
      { type: 'ip', value: '127.0.0.1' } as const,
    ];
    const { certificate, chain } = await order(await client(ca), { names, solvers: [http01(ca)] });
    expect(chain.length).toBeGreaterThan(0);
    expect(readCertificate(certificate).notAfter).toBeGreaterThan(Date.now());
  });

  test('tls-alpn-01 for a name and an address', async () => {
    const ca = await pebble();
    const names = [...dns('shop.example.test'), { type: 'ip', value: '127.0.0.1' } as const];
    await order(await client(ca), { names, solvers: [tlsAlpn01(ca)] });
  });

  test('a profile, and renewal information with `replaces`', async () => {
    const ca = await pebble();
    const who = await client(ca);
    const names = dns('shop.example.test');
    const { certificate } = await order(who, { names, solvers: [http01(ca)], profile: 'shortlived' });
    const { notBefore, notAfter } = readCertificate(certificate);
    expect(notAfter - notBefore).toBeLessThan(7 * 86_400 * SECOND);
    const { renewalCertificateId } = await import('../../src/acme-client/renewal-info.ts');
    const id = renewalCertificateId(certificate);
    const window = await who.wire.renewalInfo(id);
    expect(window?.end).toBeGreaterThan(window?.start ?? Infinity);
    await order(who, { names, solvers: [http01(ca)], replaces: id });
    // a predecessor that was replaced already costs no certificate
    await order(who, { names, solvers: [http01(ca)], replaces: id });
  });

  test('external account binding', async () => {
    const ca = await pebble({ eabRequired: true });
    await expect(client(ca)).rejects.toMatchObject({ fault: 'refused' });
    await order(await client(ca, ca.eab), { names: dns('shop.example.test'), solvers: [http01(ca)] });
  });

  test('9 of 10 nonces refused, no authorization reused, slow validations: all of ten are issued', async () => {
    const ca = await pebble({ badNonces: 90, sleep: 1 });
    const who = await client(ca);
    const solver = http01(ca);
    const names = Array.from({ length: 10 }, (_, n) => dns(`shop-${n}.example.test`));
    const issued = await Promise.all(names.map((each) => order(who, { names: each, solvers: [solver] })));
    expect(issued).toHaveLength(10);
  });

  test('node-acme-client 103: no nonce is sent twice', async () => {
    const ca = await pebble({ badNonces: 50 });
    const nonces: string[] = [];
    const { privateKey } = await generateKeyPair('ecdsa-p256');
    const directory = new URL(ca.directory);
    const transport = new Transport({ directory, roots: ca.roots, userAgent: 'chancery test' });
    onTestFinished(() => transport.close());
    const send = transport.request.bind(transport);
    let failures = 0;
    transport.request = (url, method, request) => {
      const body = request.data as { protected?: string } | undefined;
      if (body?.protected !== undefined) {
        const header = JSON.parse(Buffer.from(body.protected, 'base64url').toString()) as { nonce: string };
        nonces.push(header.nonce);
        // the CA is overloaded now and then
        if (nonces.length % 7 === 0 && (failures += 1) < 4)
          return Promise.resolve({ status: failures % 2 === 0 ? 429 : 503, headers: {}, data: {} });
      }
      return send(url, method, request);
    };
    const wire = await Wire.open({
      directory,
      transport,
      clock: systemClock,
      accountKey: encodePem('PRIVATE KEY', exportPkcs8(privateKey)),
      accountUrl: undefined,
      eab: undefined,
    });
    let accountUrl: string | undefined;
    const saved: OrderRecord[] = [];
    for (let tries = 0; tries < 20; tries += 1)
      try {
        accountUrl ??= await wire.register([], true);
        await order(
          { wire, accountUrl },
          {
            names: dns('shop.example.test'),
            solvers: [http01(ca)],
            saved,
            record: saved.at(-1) ?? { intendedAt: null, orderUrl: null },
          },
        );
        break;
      } catch (error) {
        if (!(error instanceof AuthorityError) || error.fault === 'invalid') throw error;
      }
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(failures).toBeGreaterThan(0);
  });

  test('two CAs with different roots in one process', async () => {
    const [one, two] = await Promise.all([pebble({ label: 'one' }), pebble({ label: 'two' })]);
    const clients = await Promise.all([client(one), client(two)]);
    await Promise.all([
      order(clients[0], { names: dns('a.example.test'), solvers: [http01(one)] }),
      order(clients[1], { names: dns('b.example.test'), solvers: [http01(two)] }),
    ]);
    await expect(client({ ...one, roots: two.roots })).rejects.toMatchObject({ fault: 'unreachable' });
  });

  test('an order that was cut off after newOrder is found again, not made again', async () => {
    const ca = await pebble();
    const who = await client(ca);
    const names = dns('shop.example.test');
    const made = await who.wire.newOrder({ identifiers: names, profile: undefined, replaces: undefined });
    const saved: OrderRecord[] = [];
    await order(who, {
      names,
      solvers: [http01(ca)],
      record: { intendedAt: Date.now(), orderUrl: null },
      saved,
    });
    expect(saved.map(({ orderUrl }) => orderUrl)).toEqual([made.url]);
  });

  test('a validation that fails says why', async () => {
    const ca = await pebble();
    const nowhere = new Http01Listener({ host: '127.0.0.1', port: 0 });
    await expect(
      order(await client(ca), { names: dns('shop.example.test'), solvers: [nowhere] }),
    ).rejects.toMatchObject({ fault: 'invalid', message: expect.stringContaining('connection') as string });
  });
});

describe('dns-01 by RFC 2136', () => {
  async function knot(): Promise<{ port: number; secret: Uint8Array }> {
    const folder = mkdtempSync(join(tmpdir(), 'chancery-knot-'));
    const [port = 0] = await freePorts(1);
    const secret = Buffer.alloc(32, 9);
    writeFileSync(
      join(folder, 'example.test.zone'),
      '$ORIGIN example.test.\n$TTL 60\n@ SOA ns.example.test. ops.example.test. 1 3600 600 86400 60\n@ NS ns.example.test.\nns A 127.0.0.1\n* A 127.0.0.1\n',
    );
    writeFileSync(
      join(folder, 'knot.conf'),
      `server:\n  rundir: "${folder}"\n  listen: 127.0.0.1@${port}\nkey:\n  - id: chancery\n    algorithm: hmac-sha256\n    secret: ${secret.toString('base64')}\nacl:\n  - id: update\n    action: update\n    key: chancery\ndatabase:\n  storage: "${folder}"\ntemplate:\n  - id: default\n    storage: "${folder}"\n    file: "%s.zone"\n    zonefile-sync: -1\n    zonefile-load: difference-no-serial\n    journal-content: all\nzone:\n  - domain: example.test\n    acl: update\n`,
    );
    execFileSync('knotc', ['-c', join(folder, 'knot.conf'), 'conf-check']);
    const server = spawn('knotd', ['-c', join(folder, 'knot.conf')], { stdio: 'ignore' });
    onTestFinished(() => {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await sleep(1000);
    return { port, secret };
  }

  const solver = (port: number, secret: Uint8Array): Rfc2136 =>
    new Rfc2136({
      server: { host: '127.0.0.1', port },
      zone: 'example.test',
      key: { name: 'chancery', algorithm: 'hmac-sha256', secret },
      nameservers: [`127.0.0.1:${port}`],
      propagation: 20 * SECOND,
      clock: systemClock,
      random: systemRandom(),
      sleep,
    });

  test('a wildcard and its base name in one order', async () => {
    const { port, secret } = await knot();
    const ca = await pebble({ dns: `127.0.0.1:${port}` });
    const names = dns('*.example.test', 'example.test');
    const { certificate } = await order(await client(ca), { names, solvers: [solver(port, secret)] });
    expect(certificate.length).toBeGreaterThan(0);
  });

  test('a wrong key is refused, and the CA is not told', async () => {
    const { port } = await knot();
    const task = {
      identifier: { type: 'dns', value: 'example.test' } as const,
      token: 'token',
      keyAuthorization: 'token.thumbprint',
    };
    await expect(
      solver(port, Buffer.alloc(32, 1)).present(task, new AbortController().signal),
    ).rejects.toMatchObject({ fault: 'unreachable', message: expect.stringContaining('NOTAUTH') as string });
  });
});
