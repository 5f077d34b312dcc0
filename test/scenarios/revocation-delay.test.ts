/** From the answer to a revocation until relying parties see it: measured from outside, over HTTP, on the real program. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECOND } from '../../src/base/clock.ts';
import { verifyOcspResponse } from '../../src/domain/revocation/ocsp-verify.ts';
import { fromHex, toHex } from '../../src/x509/bytes.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { readCertificateList, revokedCertificates } from '../../src/x509/crl.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { type PublicKey, readPublicKey } from '../../src/x509/public-key.ts';
import { makeCsr } from '../support/running-server.ts';
import {
  adminClient,
  type Client,
  type Installation,
  install,
  pause,
  type SpawnedServer,
  spawnServer,
} from '../support/spawned-server.ts';

const CERTIFICATES = 20;
/** What the defaults have to hold, with what caches may keep. */
const GOAL = 60 * SECOND;
/** Of Cache-Control: whoever asked right before asks again after it. */
const MAX_AGE = 30 * SECOND;

let at: Installation;
let server: SpawnedServer;
let ask: Client;
let issuer: { certificate: Certificate; publicKey: PublicKey };
const serials: string[] = [];

beforeAll(async () => {
  at = await install();
  server = await spawnServer(at);
  ask = await adminClient(at);
  const answer = await fetch(`http://127.0.0.1:${at.status}/issuers/servers-1.crt`);
  const certificate = readCertificate(new Uint8Array(await answer.arrayBuffer()));
  issuer = { certificate, publicKey: readPublicKey(certificate.spki) };
  for (let i = 0; i < CERTIFICATES; i++) {
    const { csr } = await makeCsr([{ kind: 'dns', value: `app-${i}.example.test` }]);
    serials.push(
      String((await ask('POST', '/api/v1/certificates', { profile: 'server', csr })).json['serial']),
    );
  }
});
afterAll(async () => {
  expect(await server.kill('SIGTERM')).toBe(0);
  await at.remove();
});

/** Whether the lists name it; throws where one may be kept for longer than the goal allows. */
async function inCrl(scopes: readonly string[], serial: string): Promise<boolean> {
  for (const scope of scopes) {
    const answer = await fetch(`http://127.0.0.1:${at.status}/crl/servers-1/${scope}.crl`);
    expect(maxAge(answer)).toBeLessThanOrEqual(MAX_AGE);
    const list = readCertificateList(new Uint8Array(await answer.arrayBuffer()));
    for (const entry of revokedCertificates(list))
      if (toHex(entry.serial).replace(/^00/, '') === serial.replace(/^00/, '')) return true;
  }
  return false;
}

async function inOcsp(serial: string): Promise<boolean> {
  const subject = { subject: issuer.certificate.subject, keyBits: issuer.publicKey.keyBits };
  const certId = encodeCertId('sha256', subject, fromHex(serial) ?? new Uint8Array(0));
  const url = `http://127.0.0.1:${at.status}/ocsp/${encodeURIComponent(Buffer.from(encodeOcspRequest([certId])).toString('base64'))}`;
  const answer = await fetch(url);
  expect(maxAge(answer)).toBeLessThanOrEqual(MAX_AGE);
  const der = new Uint8Array(await answer.arrayBuffer());
  const verdict = verifyOcspResponse(der, { certId, issuer, nonce: undefined, now: Date.now() });
  if (!verdict.believed) throw new Error(verdict.reason);
  return verdict.status.kind === 'revoked';
}

const maxAge = (answer: Response): number =>
  Number(/max-age=(\d+)/.exec(answer.headers.get('cache-control') ?? '')?.[1] ?? Infinity) * SECOND;

/** Milliseconds since `from` until it is so. */
async function delay(from: number, seen: () => Promise<boolean>): Promise<number> {
  for (;;) {
    if (await seen()) return performance.now() - from;
    if (performance.now() - from > GOAL) return Infinity;
    await pause(20);
  }
}

const describeDelays = (delays: number[]): string => {
  const sorted = delays.sort((a, b) => a - b);
  const second = (value = Infinity): string => (value / SECOND).toFixed(2);
  return `median ${second(sorted[sorted.length >> 1])} s, slowest ${second(sorted.at(-1))} s`;
};

describe('revoke → visible', () => {
  test(
    `${CERTIFICATES} revocations are in CRL, shard and OCSP within a minute, caches counted`,
    { timeout: 180_000 },
    async () => {
      for (const serial of serials)
        expect([await inCrl(['full'], serial), await inOcsp(serial)]).toEqual([false, false]);
      const delays = { shard: [] as number[], complete: [] as number[], ocsp: [] as number[] };
      await Promise.all(
        serials.map(async (serial, i) => {
          // some together, some alone
          await pause(i * 150);
          const answer = await ask('POST', '/api/v1/revocations', {
            serials: [serial],
            reason: 'superseded',
          });
          expect(answer.status).toBe(200);
          const from = performance.now();
          const [shard, complete, ocsp] = await Promise.all([
            delay(from, () => inCrl(['0', '1', '2', '3'], serial)),
            delay(from, () => inCrl(['full'], serial)),
            delay(from, () => inOcsp(serial)),
          ]);
          delays.shard.push(shard);
          delays.complete.push(complete);
          delays.ocsp.push(ocsp);
        }),
      );
      for (const [where, all] of Object.entries(delays)) {
        console.log(`${where}: ${describeDelays(all)}`);
        expect(all).toHaveLength(CERTIFICATES);
        expect(Math.max(...all) + MAX_AGE, where).toBeLessThanOrEqual(GOAL);
      }
    },
  );

  test('is what the server says of itself', { timeout: 90_000 }, async () => {
    for (const serial of serials) {
      let seen: Record<string, unknown> = {};
      for (let i = 0; i < 300; i++) {
        seen = ((await ask('GET', `/api/v1/certificates/${serial}`)).json['revocation'] ?? {}) as typeof seen;
        if (seen['crlSeenAt'] !== undefined && seen['ocspSeenAt'] !== undefined) break;
        await pause(200);
      }
      expect(seen, serial).toMatchObject({
        crlSeenAt: expect.any(String),
        ocspSeenAt: expect.any(String),
      });
    }
  });
});
