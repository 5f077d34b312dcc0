/** An issuer that was made elsewhere comes with key, certificate and root, and issues here. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, floorToSecond, HOUR } from '../../src/base/clock.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { exportPkcs8, generateKeyPair, type KeyPair } from '../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { crlNumberOf } from '../../src/domain/revocation/crl.ts';
import { findRevoked, readCertificateList, revocationReason } from '../../src/x509/crl.ts';
import { signCertificate } from '../support/authority.ts';
import { foreignCrl } from '../support/foreign-crl.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';
import { chancery } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-import-'));
const at = (name: string): string => join(folder, name);
const write = (name: string, label: string, der: Uint8Array): string => {
  writeFileSync(at(name), encodePem(label, der), { mode: 0o600 });
  return at(name);
};

let server: TestServer;
let rootPair: KeyPair;
let pair: KeyPair;
const now = floorToSecond(Date.now());
const rootName = encodeName([commonName('Somebody’s root')]);

/** The issuer's certificate, spoiled where a test wants it. */
const certify = (
  fields: { extensions?: readonly Extension[]; notAfter?: number; by?: KeyPair } = {},
): Uint8Array =>
  signCertificate(
    {
      serial: Buffer.from('01', 'hex'),
      issuer: rootName,
      subject: encodeName([commonName('Somebody’s issuer')]),
      notBefore: now - HOUR,
      notAfter: fields.notAfter ?? now + 300 * DAY,
      spki: pair.publicKey.spki,
      extensions: fields.extensions ?? GOOD(),
    },
    fields.by ?? rootPair,
  );
const identifiers = (): Extension[] => [
  subjectKeyIdentifier(keyIdentifier(pair.publicKey.keyBits)),
  authorityKeyIdentifier(keyIdentifier(rootPair.publicKey.keyBits)),
];
const GOOD = (): Extension[] => [
  basicConstraints({ ca: true, pathLength: 0 }),
  keyUsage(['keyCertSign', 'cRLSign']),
  ...identifiers(),
];

const take = (certificate: string, ...more: readonly string[]) =>
  chancery([
    ...['issuer', 'import', 'servers', '--data', server.data, '--key', at('issuer.key')],
    ...['--certificate', certificate, ...more],
  ]);

const here = (...line: readonly string[]) => chancery([...line, '--data', server.data]);

beforeAll(async () => {
  server = await startTestServer();
  [rootPair, pair] = await Promise.all([generateKeyPair('ecdsa-p384'), generateKeyPair('rsa-2048')]);
  const root = signCertificate(
    {
      ...{ serial: Buffer.from('02', 'hex'), issuer: rootName, subject: rootName },
      ...{ notBefore: now - DAY, notAfter: now + 3000 * DAY, spki: rootPair.publicKey.spki },
      extensions: [
        basicConstraints({ ca: true }),
        keyUsage(['keyCertSign', 'cRLSign']),
        subjectKeyIdentifier(keyIdentifier(rootPair.publicKey.keyBits)),
      ],
    },
    rootPair,
  );
  write('root.pem', 'CERTIFICATE', root);
  write('issuer.key', 'PRIVATE KEY', exportPkcs8(pair.privateKey));
  write('issuer.pem', 'CERTIFICATE', certify());
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Of the old authority, with `more` entries besides one. */
const lastCrl = (by: KeyPair, more = 0): Uint8Array =>
  foreignCrl({
    ...{ issuer: encodeName([commonName('Somebody’s issuer')]), pair: by },
    ...{ number: 2n ** 70n, thisUpdate: now - HOUR },
    entries: [
      { serial: '4a02', revokedAt: now - 9 * DAY, reason: 'superseded' },
      ...Array.from({ length: more }, (_, n) => ({
        serial: `5b${n.toString(16).padStart(14, '0')}`,
        ...{ revokedAt: now - 9 * DAY, reason: 'unspecified' as const },
      })),
    ],
  });

const root = (): readonly string[] => ['--root', at('root.pem')];

describe('what is not imported', () => {
  test.each<[string, number, string, () => Uint8Array]>([
    ['by another root', 3, 'does not chain', () => certify({ by: pair })],
    ['that has expired', 3, 'does not chain', () => certify({ notAfter: now - 1000 })],
    ['that outlives its root', 3, 'after the issuer', () => certify({ notAfter: now + 3100 * DAY })],
    [
      'of no CA',
      3,
      'no CA',
      () => certify({ extensions: [keyUsage(['keyCertSign', 'cRLSign']), ...identifiers()] }),
    ],
    [
      'that may not sign CRLs',
      3,
      'cRLSign',
      () =>
        certify({
          extensions: [basicConstraints({ ca: true }), keyUsage(['keyCertSign']), ...identifiers()],
        }),
    ],
    [
      'without a key identifier',
      3,
      'subjectKeyIdentifier is missing',
      () => certify({ extensions: GOOD().filter(({ id }) => id !== '2.5.29.14') }),
    ],
    [
      'of another trust domain',
      3,
      'not of the trust domain',
      () =>
        certify({
          extensions: [...GOOD(), subjectAltName([{ kind: 'uri', value: 'spiffe://other.test' }], false)],
        }),
    ],
    [
      'with a critical extension that nobody knows',
      3,
      'critical',
      () =>
        certify({ extensions: [...GOOD(), { id: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }] }),
    ],
  ])('a certificate %s', async (_what, exit, said, make) => {
    const outcome = await take(write('spoiled.pem', 'CERTIFICATE', make()), ...root());
    expect([outcome.exit, outcome.stderr]).toEqual([exit, expect.stringContaining(said)]);
  });

  test('a certificate of another key, or a key that cannot be read', async () => {
    const other = await generateKeyPair('ecdsa-p256');
    const kept = readFileSync(at('issuer.key'));
    write('issuer.key', 'PRIVATE KEY', exportPkcs8(other.privateKey));
    expect((await take(at('issuer.pem'), ...root())).stderr).toContain('not for the public half');
    writeFileSync(at('issuer.key'), 'no key at all');
    expect(await take(at('issuer.pem'), ...root())).toMatchObject({ exit: 1 });
    writeFileSync(at('issuer.key'), kept);
  });

  test('one whose root the server does not know and was not given, or was given something else', async () => {
    expect((await take(at('issuer.pem'))).stderr).toContain('does not chain');
    expect((await take(at('issuer.pem'), '--root', at('issuer.pem'))).stderr).toContain(
      'did not sign itself',
    );
  });

  test('leaves neither keys nor roots behind', async () => {
    const { json } = await server.ask('GET', '/api/v1/roots');
    expect((json['roots'] as unknown[]).length).toBe(2);
    expect(readdirSync(join(server.data, 'keys')).filter((name) => name.startsWith('servers-2'))).toEqual([]);
  });
});

describe('what is imported', () => {
  test('is the next generation, its key sealed, its root in every bundle', async () => {
    const outcome = await take(at('issuer.pem'), ...root(), '-o', 'json');
    expect([outcome.exit, outcome.stderr]).toEqual([0, expect.stringContaining('import-history servers-2')]);
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      id: 'servers-2',
      root: 'internal-r2',
      state: 'next',
      subject: 'CN=Somebody’s issuer',
      keyType: 'rsa-2048',
    });
    expect((await server.ask('GET', '/roots.pem')).text).toContain(readFileSync(at('root.pem'), 'utf8'));
    const [file] = readdirSync(join(server.data, 'keys')).filter((name) => name.startsWith('servers-2'));
    const sealed = readFileSync(join(server.data, 'keys', file ?? ''), 'utf8');
    const secret = Buffer.from(exportPkcs8(pair.privateKey)).toString('base64');
    expect(sealed).not.toContain(secret.slice(200, 240));
    const audit = await server.ask('GET', '/api/v1/audit?limit=50');
    expect(audit.text).toContain('generation.imported');
    expect(audit.text).toContain('root.imported');
    for (const text of [audit.text, server.logged.join()]) expect(text).not.toContain(secret.slice(200, 240));
  });

  test('is imported once', async () => {
    expect((await take(at('issuer.pem'), ...root())).stderr).toContain('prepared already');
  });

  test('publishes no CRL and issues nothing before its last CRL was given', async () => {
    expect((await fetch(`${server.server.urls.status}/crl/servers-2/full.crl`)).status).not.toBe(200);
    expect((await here('issuer', 'activate', 'servers-2')).exit).not.toBe(0);
    expect(await here('issuer', 'import-history', 'servers-2')).toMatchObject({ exit: 1 });
    write('wrong.crl', 'X509 CRL', lastCrl(rootPair));
    const wrong = await here('issuer', 'import-history', 'servers-2', '--crl', at('wrong.crl'));
    expect([wrong.exit, wrong.stderr]).toEqual([3, expect.stringContaining('not one that servers-2 signed')]);
    writeFileSync(at('index.txt'), `V\t491231000000Z\t\t4A01\tunknown\t/CN=a\n`);
    const index = await here(
      'issuer',
      'import-history',
      'servers-2',
      '--index',
      at('index.txt'),
      '-o',
      'json',
    );
    expect(JSON.parse(index.stdout)).toMatchObject({ known: 1, revocations: 0, crlsHeldBack: true });
  });

  test('has its past once that is given: a CRL of 100,000 entries, and a number above the last', async () => {
    write('last.crl', 'X509 CRL', lastCrl(pair, 100_000));
    const line = ['issuer', 'import-history', 'servers-2', '--crl', at('last.crl'), '-o', 'json'];
    const given = await here(...line);
    expect(given).toMatchObject({ exit: 0 });
    expect(JSON.parse(given.stdout)).toMatchObject({
      ...{ generation: 'servers-2', revocations: 100_001, crlsHeldBack: false, crlNumber: String(2n ** 70n) },
    });
    const crl = await fetch(`${server.server.urls.status}/crl/servers-2/full.crl`);
    const list = readCertificateList(new Uint8Array(await crl.arrayBuffer()));
    expect(crlNumberOf(list)).toBeGreaterThan(2n ** 70n);
    const entry = findRevoked(list, Buffer.from('4a02', 'hex'));
    expect(entry && [revocationReason(entry), entry.revokedAt]).toEqual(['superseded', now - 9 * DAY]);
    expect((await here(...line)).stderr).toContain('the past of servers-2 is known');
  }, 60_000);

  test('issues once it is activated, also after a restart', async () => {
    expect(await here('issuer', 'activate', 'servers-2')).toMatchObject({ exit: 0 });
    for (const restarted of [false, true]) {
      // the server's own certificate is below the new root from here on; the bundle of its data folder has both
      if (restarted) await server.restart();
      const { csr } = await makeCsr([{ kind: 'dns', value: 'a.example.test' }]);
      writeFileSync(at('leaf.csr'), csr);
      const signed = await here(
        'cert',
        'sign',
        '--profile',
        'server',
        '--csr',
        at('leaf.csr'),
        '--out',
        at('leaf'),
      );
      expect(signed).toMatchObject({ exit: 0 });
      const line = ['cert', 'verify', at('leaf/cert.pem'), '--untrusted', at('leaf/chain.pem')];
      expect(await chancery([...line, '--roots', at('root.pem'), '--dns', 'a.example.test'])).toMatchObject({
        exit: 0,
      });
    }
  });

  test('does not make the schedule prepare another', async () => {
    const { stdout } = await here('issuer', 'show', 'servers', '-o', 'json');
    const { generations } = JSON.parse(stdout) as { generations: Record<string, unknown>[] };
    expect(generations.map(({ id, state }) => [id, state])).toEqual([
      ['servers-1', 'superseded'],
      ['servers-2', 'current'],
    ]);
  });
});
