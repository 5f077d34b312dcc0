/** `/crl/<issuer>.pem`: whole or not at all, conditional, and read back by everybody's PEM. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { HOUR, SECOND } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import { createCrlBundleHandler, type CrlBundlePorts } from '../../src/http/status/crl-bundle.ts';
import type { ServedCrl } from '../../src/http/status/crl.ts';
import { decodePem } from '../../src/x509/pem.ts';

const NOW = Date.UTC(2026, 5, 1);
let server: Server | undefined;
afterEach(() => server?.close());

async function serve(bundle: CrlBundlePorts['bundle']): Promise<string> {
  const handle = createCrlBundleHandler({ now: () => NOW, bundle });
  server = createServer((request, response) => {
    if (!handle(request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const list = (der: Buffer, fields: Partial<ServedCrl> = {}): ServedCrl => ({
  number: 1n,
  sha256: createHash('sha256').update(der).digest('hex'),
  size: der.length,
  thisUpdate: NOW - HOUR,
  nextUpdate: NOW + HOUR,
  body: der,
  ...fields,
});
/** In pieces of odd sizes, as from a file. */
const inPieces = (der: Buffer) => () =>
  Promise.resolve(
    Readable.from(
      (function* () {
        for (let at = 0, step = 1; at < der.length; at += step, step = (step * 7 + 1) % 1000 || 1)
          yield der.subarray(at, at + step);
      })(),
      { objectMode: false },
    ),
  );

test.each([1, 2, 3, 46, 47, 48, 49, 96, 500, 100_000])(
  'lists of %d octets, from memory and from a file, are PEM of the promised length',
  async (size) => {
    const [memory, file] = [randomBytes(size), randomBytes(size + 1)];
    const url = await serve((issuer) =>
      Promise.resolve(
        issuer === 'clients' ? [list(memory), list(file, { body: inPieces(file) })] : undefined,
      ),
    );
    const answer = await fetch(`${url}/crl/clients.pem`);
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(Number(answer.headers.get('content-length'))).toBe(text.length);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(64);
    expect(decodePem(text).map(({ label, der }) => [label, Buffer.from(der).toString('hex')])).toEqual([
      ['X509 CRL', memory.toString('hex')],
      ['X509 CRL', file.toString('hex')],
    ]);
    const head = await fetch(`${url}/crl/clients.pem`, { method: 'HEAD' });
    expect(Number(head.headers.get('content-length'))).toBe(text.length);
    expect((await fetch(`${url}/crl/other.pem`)).status).toBe(404);
  },
);

test('is cached for half a minute at most, never past the first nextUpdate, and asked for again by its ETag', async () => {
  let lists = [list(Buffer.from('a')), list(Buffer.from('b'))];
  const url = `${await serve(() => Promise.resolve(lists))}/crl/clients.pem`;
  const first = await fetch(url);
  expect(first.headers.get('cache-control')).toBe('public, max-age=30');
  expect(first.headers.get('last-modified')).toBe(new Date(NOW - HOUR).toUTCString());
  const etag = first.headers.get('etag') ?? '';
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await fetch(url, { headers: { 'if-none-match': tag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  }
  lists = [lists[0] ?? list(Buffer.from('')), list(Buffer.from('c'), { nextUpdate: NOW + 7 * SECOND })];
  const changed = await fetch(url, { headers: { 'if-none-match': etag } });
  expect([changed.status, changed.headers.get('cache-control')]).toEqual([200, 'public, max-age=7']);
  expect(changed.headers.get('etag')).not.toBe(etag);
});

test('is not served in part: 503, with what is missing', async () => {
  const url = await serve(() =>
    Promise.reject(
      new ChanceryError('not_ready', { message: 'there is no CRL of the root x', retryAfter: 60 }),
    ),
  );
  const answer = await fetch(`${url}/crl/clients.pem`);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '60']);
  expect(await answer.text()).toBe('there is no CRL of the root x\n');
});

test('a file that breaks off is never taken for a whole one', async () => {
  const broken = () =>
    Promise.resolve(
      new Readable({
        read() {
          this.push(Buffer.alloc(1000));
          this.destroy(new Error('EIO'));
        },
      }),
    );
  const url = await serve(() => Promise.resolve([list(Buffer.alloc(5000), { body: broken })]));
  await expect(fetch(`${url}/crl/clients.pem`).then((answer) => answer.text())).rejects.toThrow();
});

test.each([
  ['POST', '/crl/clients.pem'],
  ['GET', '/crl/clients.pem?x'],
  ['GET', '/crl/a/b.pem'],
  ['GET', '/crl/..pem/../x'],
  ['GET', '/crl/clients.crl'],
  ['GET', '/crl/CLIENTS.pem'],
])('leaves %s %s alone', async (method, path) => {
  const url = await serve(() => Promise.reject(new Error('asked')));
  expect((await fetch(url + path, { method })).status).toBe(418);
});
