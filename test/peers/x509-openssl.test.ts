import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { provesPossession, readCertificationRequest } from '../../src/x509/csr.ts';
import { exportPkcs8, importPkcs8 } from '../../src/x509/key-pair.ts';
import { formatName } from '../../src/x509/name.ts';
import { decodePemOne, encodePem } from '../../src/x509/pem.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { parseNames } from '../../src/domain/identity/names.ts';
import { makeAuthority } from '../support/authority.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';
import { issued, makePipeline } from '../support/pipeline.ts';
import { makeRequest } from '../support/request.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-openssl-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: 'pipe' });
/** The exit status of openssl, where a refusal is the answer that is wanted. */
const statusOf = (...args: readonly string[]): number | null =>
  spawnSync('openssl', args, { cwd: folder, stdio: 'pipe' }).status;
const put = (name: string, label: string, der: Uint8Array): string => {
  writeFileSync(join(folder, name), encodePem(label, der));
  return name;
};

const NAMES = {
  workload: { uri: ['spiffe://example.test/ns/prod/sa/api'], dns: ['api.example.test'] },
  server: { dns: ['api.example.test', '*.api.example.test'], ip: ['192.0.2.7', '2001:db8::7'] },
  client: { email: ['ann@example.test'] },
} as const;
const ISSUERS = { workload: 'workload', server: 'servers', client: 'clients' } as const;
const PURPOSES = {
  workload: ['sslserver', 'sslclient'],
  server: ['sslserver'],
  client: ['sslclient'],
} as const;

describe.each(ONE_OF_EACH_TYPE)('openssl and an authority with %s keys', (algorithm) => {
  it.each(['workload', 'server', 'client'] as const)(
    'verifies what we issue with the profile %s, strictly',
    async (profile) => {
      const pipeline = await makePipeline({ algorithm });
      for (const leaf of ONE_OF_EACH_TYPE) {
        const record = issued(
          await pipeline.issue({
            profile,
            names: parseNames(NAMES[profile]),
            proof: { csr: makeRequest(await keyOf(leaf)) },
          }),
        );
        const authority = pipeline.authorities.get(ISSUERS[profile]);
        if (authority === undefined) throw new Error('no authority');
        const leafFile = put('leaf.pem', 'CERTIFICATE', record.der);
        const root = put('root.pem', 'CERTIFICATE', authority.root);
        const issuer = put('issuer.pem', 'CERTIFICATE', authority.generation.certificate.raw);
        const at = String(Math.floor(pipeline.clock.now() / 1000));
        for (const purpose of PURPOSES[profile])
          expect(
            openssl(
              'verify',
              '-x509_strict',
              '-attime',
              at,
              '-purpose',
              purpose,
              '-CAfile',
              root,
              '-untrusted',
              issuer,
              leafFile,
            ),
          ).toContain('OK');
        const text = openssl('x509', '-in', leafFile, '-noout', '-text', '-nameopt', 'RFC2253');
        expect(text).toContain('CA:FALSE');
        expect(text).toMatch(/X509v3 Key Usage: critical\n +Digital Signature(, Key Encipherment)?\n/);
        for (const name of Object.values(NAMES[profile]).flat())
          expect(text.toLowerCase()).toContain(name === '2001:db8::7' ? '2001:db8:0:0:0:0:0:7' : name);
        expect(openssl('x509', '-in', leafFile, '-noout', '-serial').trim().toLowerCase()).toBe(
          `serial=${record.serial}`,
        );
      }
    },
  );

  it('does not verify it with another root, later, or with one octet changed', async () => {
    const pipeline = await makePipeline({ algorithm });
    const record = issued(await pipeline.issue({ ttl: HOUR }));
    const authority = pipeline.authorities.get('workload');
    const other = await makeAuthority({
      issuer: 'other',
      algorithm: algorithm === 'ed25519' ? 'ecdsa-p256' : 'ed25519',
      now: pipeline.clock.now(),
    });
    if (authority === undefined) throw new Error('no authority');
    const files = {
      leaf: put('a.pem', 'CERTIFICATE', record.der),
      root: put('b.pem', 'CERTIFICATE', authority.root),
      issuer: put('c.pem', 'CERTIFICATE', authority.generation.certificate.raw),
      otherRoot: put('d.pem', 'CERTIFICATE', other.root),
      changed: put('e.pem', 'CERTIFICATE', Buffer.from(record.der).fill(0x20, 30, 31)),
    };
    const verify = (leaf: string, root: string, at: number): number | null =>
      statusOf(
        'verify',
        '-x509_strict',
        '-attime',
        String(at / 1000),
        '-CAfile',
        root,
        '-untrusted',
        files.issuer,
        leaf,
      );
    const now = pipeline.clock.now();
    expect(verify(files.leaf, files.root, now)).toBe(0);
    expect(verify(files.leaf, files.otherRoot, now)).not.toBe(0);
    expect(verify(files.leaf, files.root, now + 2 * HOUR)).not.toBe(0);
    expect(verify(files.changed, files.root, now)).not.toBe(0);
  });

  it('reads our request and our private key', async () => {
    const own = await keyOf(algorithm);
    const csr = put(
      'request.pem',
      'CERTIFICATE REQUEST',
      makeRequest(own, { names: [{ kind: 'dns', value: 'a.example.test' }] }),
    );
    expect(openssl('req', '-in', csr, '-verify', '-noout', '-text', '-config', '/dev/null')).toContain(
      'DNS:a.example.test',
    );
    const key = put('key.pem', 'PRIVATE KEY', exportPkcs8(own.privateKey));
    const spki = decodePemOne(openssl('pkey', '-in', key, '-pubout'), 'PUBLIC KEY');
    expect(Buffer.from(spki)).toEqual(Buffer.from(own.publicKey.spki));
  });
});

const KEYS = [
  [
    'ecdsa-p256',
    ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:named_curve'],
  ],
  [
    'ecdsa-p384',
    ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-pkeyopt', 'ec_param_enc:named_curve'],
  ],
  ['ed25519', ['-algorithm', 'ED25519']],
  ['rsa', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ['rsa', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072']],
] as const;

describe.each(KEYS)('what openssl makes with an %s key (%j)', (type, options) => {
  it('is a request that we read and whose possession is proved', () => {
    openssl('genpkey', ...options, '-out', 'their.key');
    openssl(
      'req',
      '-new',
      '-key',
      'their.key',
      '-out',
      'their.csr',
      '-config',
      '/dev/null',
      '-subj',
      '/C=DE/O=Ex\\/ample/CN=a.example.test',
      '-utf8',
      '-addext',
      'subjectAltName=DNS:a.example.test,URI:spiffe://example.test/app,IP:192.0.2.7,IP:2001:db8::7,email:ann@example.test,RID:1.2.3.4',
      '-addext',
      'basicConstraints=critical,CA:TRUE,pathlen:1',
      '-addext',
      'keyUsage=critical,keyCertSign,digitalSignature',
    );
    const request = readCertificationRequest(
      decodePemOne(readFileSync(join(folder, 'their.csr'), 'utf8'), 'CERTIFICATE REQUEST'),
    );
    expect(request.publicKey.type).toBe(type);
    expect(request.commonNames).toEqual(['a.example.test']);
    expect(formatName(request.subject)).toBe('CN=a.example.test,O=Ex/ample,C=DE');
    expect(request.names).toEqual([
      { kind: 'dns', value: 'a.example.test' },
      { kind: 'uri', value: 'spiffe://example.test/app' },
      { kind: 'ip', value: '192.0.2.7' },
      { kind: 'ip', value: '2001:db8::7' },
      { kind: 'email', value: 'ann@example.test' },
      { kind: 'other', tag: 0x88, value: Buffer.from([42, 3, 4]) },
    ]);
    expect(provesPossession(request)).toBe(true);
    const key = importPkcs8(decodePemOne(readFileSync(join(folder, 'their.key'), 'utf8'), 'PRIVATE KEY'));
    expect(Buffer.from(key.publicKey.spki)).toEqual(Buffer.from(request.publicKey.spki));
  });

  it('is a certificate that we read', () => {
    openssl('genpkey', ...options, '-out', 'self.key');
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'self.key',
      '-out',
      'self.pem',
      '-config',
      '/dev/null',
      '-subj',
      '/CN=self',
      '-days',
      '10000',
      '-set_serial',
      '0x00ff00ff00ff',
    );
    const read = readCertificate(decodePemOne(readFileSync(join(folder, 'self.pem'), 'utf8'), 'CERTIFICATE'));
    const end = openssl('x509', '-in', 'self.pem', '-noout', '-enddate').trim().replace('notAfter=', '');
    expect(read.notAfter).toBe(Date.parse(end));
    expect(Buffer.from(read.serial).toString('hex')).toBe('00ff00ff00ff');
    expect(
      verifySignature(read.signatureAlgorithm, read.tbs.raw, read.signature, readPublicKey(read.spki)),
    ).toBe(true);
  });
});
