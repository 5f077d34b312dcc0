/** When a revocation became visible, as our own probe sees it over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { statusUrls } from '../../src/domain/issuance/issuer.ts';
import { StatusProbe } from '../../src/probe/status.ts';
import { Visibility } from '../../src/server/visibility.ts';
import {
  assembleCertificateList,
  CrlEntries,
  encodeCrlEntry,
  encodeTbsCertList,
} from '../../src/x509/crl-writer.ts';
import { signWith } from '../../src/x509/key-pair.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { keyOf } from '../support/keys.ts';
import { octets, ocspWorkbench } from '../support/ocsp.ts';
import { serialOf } from '../support/records.ts';

async function watched() {
  const bench = await ocspWorkbench();
  const { clock, authority, statuses, answers } = bench;
  const { generation, issuerKey } = authority;
  const store = new MemoryStore();
  const listed: string[] = [];
  const requests: string[] = [];
  const state = { down: false, signer: issuerKey, etag: '"1"', behind: 0 };
  const crl = (): Uint8Array => {
    const entries = new CrlEntries();
    for (const serial of listed)
      entries.append(
        encodeCrlEntry({ serial: octets(serial), revokedAt: clock.now(), reason: 'superseded' }),
      );
    const { identifier } = signatureAlgorithmFor(issuerKey.publicKey.type);
    const tbs = encodeTbsCertList({
      signatureAlgorithm: identifier,
      issuer: generation.certificate.subject,
      thisUpdate: clock.now(),
      nextUpdate: clock.now() + HOUR,
      number: 1n,
      keyIdentifier: keyIdentifier(generation.publicKey.keyBits),
      entries: entries.octets,
    });
    return assembleCertificateList(tbs, identifier, signWith(state.signer, tbs));
  };
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url?.slice(0, 40) ?? ''}`);
    if (state.down) return void response.writeHead(503).end();
    if (request.url?.startsWith('/crl/') === true) {
      if (request.headers['if-none-match'] === state.etag) return void response.writeHead(304).end();
      return void response.writeHead(200, { etag: state.etag }).end(crl());
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const got = decodeURIComponent(request.url?.slice('/ocsp/'.length) ?? '');
      const body = request.method === 'POST' ? Buffer.concat(chunks) : Buffer.from(got, 'base64');
      answers.statusChanged();
      response.end(answers.answer(body).der);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const said: string[] = [];
  const say = (level: string) => (message: string, fields?: object) =>
    void said.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const measured: [string, number][] = [];
  const visibility = new Visibility({
    ...{ clock: { now: () => clock.now() - state.behind }, dated: clock, log },
    store: store.revocations,
    generation: (id) => (id === generation.id ? generation : undefined),
    urls: statusUrls(`http://127.0.0.1:${port}`),
    probe: new StatusProbe(),
    seen: (via, seconds) => void measured.push([via, seconds]),
  });
  onTestFinished(async () => {
    await visibility.stop();
    server.closeAllConnections();
    server.close();
  });
  const revoke = async (serials: readonly string[], notAfter = clock.now() + HOUR): Promise<void> => {
    const now = clock.now();
    await store.revocations.revoke(
      serials.map((serial) => ({
        revocation: {
          serial,
          generation: generation.id,
          shard: 0,
          notAfter,
          revokedAt: now,
          reason: 'superseded' as const,
        },
        blockKey: undefined,
        audit: [],
      })),
      now,
    );
  };
  const inOcsp = (serials: readonly string[]): void => {
    for (const serial of serials)
      statuses.set(serial, { kind: 'revoked', revokedAt: clock.now(), reason: 'superseded' });
  };
  for (let n = 1; n <= 100; n++) statuses.set(serialOf(n), { kind: 'good' });
  const seen = (n: number) => {
    const found = store.revocations.find(generation.id, serialOf(n));
    return [found?.crlSeenAt ?? null, found?.ocspSeenAt ?? null];
  };
  return { ...bench, store, listed, requests, state, said, measured, visibility, revoke, inOcsp, seen };
}

describe('a revocation', () => {
  test('while the clock is back a day is seen in answers that are dated on, and no delay is made up', async () => {
    const { visibility, revoke, listed, inOcsp, seen, clock, measured, state, said } = await watched();
    state.behind = DAY;
    const now = clock.now();
    clock.set(now - DAY);
    await revoke([serialOf(1)]);
    clock.set(now);
    inOcsp([serialOf(1)]);
    listed.push(serialOf(1));
    await visibility.round();
    expect(seen(1)).toEqual([now - DAY, now - DAY]);
    expect(measured).toEqual([
      ['crl', 0],
      ['ocsp', 0],
    ]);
    expect(said).toEqual([]);
  });

  test('is marked when the CRL and OCSP at the public URLs show it, each by itself, with the delay', async () => {
    const { visibility, revoke, listed, inOcsp, seen, clock, measured, state } = await watched();
    const start = clock.now();
    await revoke([serialOf(1)]);
    await visibility.round();
    expect(seen(1)).toEqual([null, null]);
    expect(visibility.oldest()).toBe(start);
    clock.advance(2 * SECOND);
    inOcsp([serialOf(1)]);
    await visibility.round();
    expect(seen(1)).toEqual([null, start + 2 * SECOND]);
    clock.advance(3 * SECOND);
    listed.push(serialOf(1));
    state.etag = '"2"';
    await visibility.round();
    expect(seen(1)).toEqual([start + 5 * SECOND, start + 2 * SECOND]);
    expect(measured).toEqual([
      ['ocsp', 2],
      ['crl', 5],
    ]);
    await visibility.round();
    expect(visibility.oldest()).toBe(undefined);
  });

  test('asks nobody where everything was seen', async () => {
    const { visibility, requests } = await watched();
    await visibility.round();
    expect(requests).toEqual([]);
  });

  test('a CRL that did not change is not fetched again', async () => {
    const { visibility, revoke, requests, state, listed, seen, clock } = await watched();
    await revoke([serialOf(1)]);
    await visibility.round();
    await visibility.round();
    // another one has not been looked for in it
    await revoke([serialOf(2)]);
    listed.push(serialOf(2));
    await visibility.round();
    expect(seen(2)).toEqual([clock.now(), null]);
    expect(requests.filter((line) => line.startsWith('GET /crl/'))).toHaveLength(3);
    state.etag = '"3"';
    listed.push(serialOf(1));
    await visibility.round();
    expect(seen(1)[0]).toBe(clock.now());
  });

  test('ten thousand at once take one CRL and some hundred requests a round, and all are marked', async () => {
    const { visibility, revoke, listed, inOcsp, requests, store } = await watched();
    const serials = Array.from({ length: 10_000 }, (_, n) => serialOf(n + 1));
    const found = new Map(store.revocations.all);
    await revoke([]);
    // in memory each revocation looks for its sequence among all: written straight
    for (const [n, serial] of serials.entries())
      store.revocations.all.set(`servers-1/${serial}`, {
        ...{
          serial,
          generation: 'servers-1',
          shard: 0,
          notAfter: Infinity,
          revokedAt: 0,
          reason: 'superseded',
        },
        ...{ sequence: n + 1, recordedAt: n, crlSeenAt: null, ocspSeenAt: null },
      });
    expect(found.size).toBe(0);
    listed.push(...serials);
    inOcsp(serials);
    let rounds = 0;
    while (store.revocations.unseen(1).length > 0 && rounds < 20) {
      await visibility.round();
      rounds++;
    }
    expect(rounds).toBe(7);
    expect(requests.filter((line) => line.startsWith('GET /crl/'))).toHaveLength(7);
    expect(requests.filter((line) => line.startsWith('POST /ocsp'))).toHaveLength(625);
  });

  test('nobody is believed who did not sign as the issuer', async () => {
    const { visibility, revoke, listed, state, seen, said, clock } = await watched();
    state.signer = await keyOf('ecdsa-p256', 'somebody else');
    await revoke([serialOf(1)]);
    listed.push(serialOf(1));
    await expect(visibility.round()).rejects.toThrow('does not verify');
    expect(seen(1)).toEqual([null, null]);
    expect(said).toEqual([]);
    clock.advance(2 * MINUTE);
    await expect(visibility.round()).rejects.toThrow();
    expect(said).toHaveLength(1);
  });

  test('that is not seen within a minute raises an alarm, once in ten', async () => {
    const { visibility, revoke, clock, said } = await watched();
    await revoke([serialOf(1)]);
    for (const [wait, alarms] of [
      [MINUTE, 0],
      [SECOND, 1],
      [5 * MINUTE, 1],
      [5 * MINUTE, 2],
    ] as const) {
      clock.advance(wait);
      await visibility.round();
      expect(said.filter((line) => line.includes('not visible to relying parties'))).toHaveLength(alarms);
    }
    expect(said[0]).toMatch(/^error .*"for":"1m1s"/);
  });

  test('of a certificate that is over and in no CRL does not hold the gauge for ever', async () => {
    const { visibility, revoke, clock, inOcsp, said } = await watched();
    await revoke([serialOf(1)], clock.now() - HOUR);
    inOcsp([serialOf(1)]);
    await visibility.round();
    clock.advance(HOUR + SECOND);
    await visibility.round();
    await visibility.round();
    await visibility.round();
    expect(visibility.oldest()).toBe(undefined);
    expect(said.length).toBeLessThanOrEqual(1);
  });

  test('a listener that cannot be reached is asked again later and later, and nothing waits for it', async () => {
    const { visibility, revoke, state, requests, clock, said } = await watched();
    await revoke([serialOf(1)]);
    state.down = true;
    const rounds = async (seconds: number): Promise<number> => {
      requests.length = 0;
      for (let i = 0; i < seconds; i++) {
        visibility.tick();
        await new Promise((resolve) => setTimeout(resolve, 15));
        clock.advance(SECOND);
      }
      return requests.filter((line) => line.startsWith('GET /crl/')).length;
    };
    expect(await rounds(30)).toBeLessThanOrEqual(5);
    expect(said.some((line) => line.startsWith('warn whether revocations are visible'))).toBe(true);
    state.down = false;
    expect(await rounds(31)).toBeGreaterThan(1);
  });
});
