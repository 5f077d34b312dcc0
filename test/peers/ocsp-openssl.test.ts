/** openssl ocsp(1) as a client of our responder, and as a responder that our verifier judges. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { systemClock } from '../../src/server/world.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { exportPkcs8, type KeyPair } from '../../src/x509/key-pair.ts';
import { encodeOcspRequest, readOcspRequest } from '../../src/x509/ocsp-request.ts';
import { decodePemOne, encodePem } from '../../src/x509/pem.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { verifyOcspResponse } from '../../src/domain/revocation/ocsp-verify.ts';
import { type Authority, makeAuthority } from '../support/authority.ts';
import { GOOD, makeResponder, NEVER_ISSUED, octets, REVOKED } from '../support/ocsp.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-ocsp-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('openssl', ['ocsp', ...args], { cwd: folder });
  return stdout + stderr;
}

describe('openssl as a client', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    const { status } = server.server.urls;
    for (const id of ['servers-1', 'clients-1']) {
      const der = Buffer.from(await (await fetch(`${status}/issuers/${id}.crt`)).arrayBuffer());
      writeFileSync(at(`${id}.pem`), encodePem('CERTIFICATE', der));
    }
    for (const name of ['good', 'revoked']) {
      const { csr } = await makeCsr([{ kind: 'dns', value: `${name}.example.test` }]);
      const { json } = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
      writeFileSync(at(`${name}.pem`), String(json['certificate']));
      if (name === 'revoked')
        await server.ask('POST', '/api/v1/revocations', {
          serials: [json['serial']],
          reason: 'keyCompromise',
        });
    }
  });
  afterAll(() => server.stop());

  const trust = ['-partial_chain', '-CAfile', 'servers-1.pem'];
  const ask = (...what: readonly string[]): Promise<string> =>
    openssl('-url', `${server.server.urls.status}/ocsp`, '-issuer', 'servers-1.pem', ...trust, ...what);

  test.each(['-sha1', '-sha256'])('believes good, revoked and unknown under %s', async (hash) => {
    const text = await ask(hash, '-cert', 'good.pem', '-cert', 'revoked.pem', '-serial', `0x${NEVER_ISSUED}`);
    expect(text).toContain('Response verify OK');
    expect(text).toContain('good.pem: good');
    expect(text).toMatch(/revoked\.pem: revoked[\s\S]*Reason: keyCompromise/);
    expect(text).toContain(`0x${NEVER_ISSUED}: unknown`);
    expect(text).not.toMatch(/WARNING|error/i);
  });

  test('sees its nonce again, and an answer of now', async () => {
    const text = await ask('-nonce', '-cert', 'good.pem', '-status_age', '60', '-respout', 'response.der');
    expect(text).toContain('Response verify OK');
    expect(text).not.toMatch(/WARNING|Nonce Verify error|Status times invalid/);
    const shown = await openssl('-respin', 'response.der', '-resp_text', '-noverify');
    expect(shown).toMatch(/OCSP Nonce/);
    expect(shown).toMatch(/OCSP Signing/);
    expect(shown).toMatch(/OCSP No Check/);
  });

  test('is told unauthorized about a certificate of another issuer', async () => {
    const stranger = await makeAuthority({ now: systemClock.now(), issuer: 'strangers' });
    writeFileSync(at('foreign.pem'), encodePem('CERTIFICATE', stranger.generation.certificate.raw));
    const url = `${server.server.urls.status}/ocsp`;
    await expect(openssl('-url', url, '-issuer', 'foreign.pem', '-serial', '0x01')).rejects.toMatchObject({
      stdout: expect.stringContaining('unauthorized (6)') as string,
    });
  });
});

describe('openssl as a responder', () => {
  let authority: Authority;
  const now = systemClock.now();
  const write = (name: string, certificate: Uint8Array, key?: KeyPair): void => {
    writeFileSync(at(`${name}.pem`), encodePem('CERTIFICATE', certificate));
    if (key !== undefined)
      writeFileSync(at(`${name}.key`), encodePem('PRIVATE KEY', exportPkcs8(key.privateKey)));
  };
  const utc = (instant: number): string =>
    `${new Date(instant).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`;

  beforeAll(async () => {
    authority = await makeAuthority({ now });
    const { der, pair } = await makeResponder(authority, now);
    write('ca', authority.generation.certificate.raw, authority.issuerKey);
    write('delegate', der, pair);
    const line = (state: string, revoked: string, serial: string): string =>
      `${state}\t${utc(now + HOUR)}\t${revoked}\t${serial.toUpperCase()}\tunknown\t/CN=${serial}\n`;
    writeFileSync(at('index.txt'), line('V', '', GOOD) + line('R', `${utc(now - HOUR)},superseded`, REVOKED));
  });

  const respond = (signer: string, request: Uint8Array): Buffer => {
    writeFileSync(at('request.der'), request);
    const signed = ['-rsigner', `${signer}.pem`, '-rkey', `${signer}.key`, '-ndays', '1'];
    const files = [
      '-index',
      'index.txt',
      '-CA',
      'ca.pem',
      '-reqin',
      'request.der',
      '-respout',
      'response.der',
    ];
    const { status, stderr } = spawnSync('openssl', ['ocsp', ...files, ...signed], { cwd: folder });
    expect(status, stderr.toString()).toBe(0);
    return readFileSync(at('response.der'));
  };

  test.each([
    ['delegate', 'delegate'],
    ['ca', 'issuer'],
  ] as const)('with the key of the %s is believed by us', (signer, signedBy) => {
    const { generation } = authority;
    const issuer = { subject: generation.certificate.subject, keyBits: generation.publicKey.keyBits };
    const nonce = Buffer.alloc(32, 7);
    for (const algorithm of ['sha1', 'sha256'] as const)
      for (const [serial, kind] of [
        [GOOD, 'good'],
        [REVOKED, 'revoked'],
        [NEVER_ISSUED, 'unknown'],
      ] as const) {
        const certId = encodeCertId(algorithm, issuer, octets(serial));
        const der = respond(signer, encodeOcspRequest([certId], nonce));
        const asked = { certId, issuer: generation, nonce, now: systemClock.now() };
        expect(verifyOcspResponse(der, asked)).toMatchObject({
          ...{ believed: true, status: { kind }, signedBy, nonce: 'echoed' },
          ...(kind === 'revoked' && { status: { reason: 'superseded' } }),
        });
      }
  });

  test('and what it asks is what we read', async () => {
    const { generation } = authority;
    const issuer = { subject: generation.certificate.subject, keyBits: generation.publicKey.keyBits };
    for (const algorithm of ['sha1', 'sha256'] as const) {
      await openssl(
        `-${algorithm}`,
        '-issuer',
        'ca.pem',
        '-cert',
        'delegate.pem',
        '-nonce',
        '-reqout',
        'request.der',
      );
      const { certIds, nonce } = readOcspRequest(readFileSync(at('request.der')));
      const { serial } = readCertificate(
        decodePemOne(readFileSync(at('delegate.pem'), 'utf8'), 'CERTIFICATE'),
      );
      expect(certIds.map(({ raw }) => Buffer.from(raw))).toEqual([
        Buffer.from(encodeCertId(algorithm, issuer, serial)),
      ]);
      expect(nonce?.length).toBeGreaterThanOrEqual(16);
    }
  });
});
