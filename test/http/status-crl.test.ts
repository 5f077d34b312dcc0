/** CRLs over plain HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, SECOND } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import { createCrlHandler, type ServedCrl } from '../../src/http/status/crl.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
let now = NOON;
const crl = (body: ServedCrl['body'], size: number, fields: Partial<ServedCrl> = {}): ServedCrl => ({
  number: 7n,
  sha256: 'ab'.repeat(32),
  thisUpdate: NOON,
  nextUpdate: NOON + DAY,
  size,
  body,
  ...fields,
});
const LONG = Buffer.alloc(3_000_000, 7);

let server: Server;
let base = '';
beforeAll(async () => {
  const handler = createCrlHandler({
    now: () => now,
    crl: (generation, scope) => {
      if (generation !== 'servers-1') return Promise.resolve(undefined);
      if (scope === 3)
        return Promise.reject(new ChanceryError('not_ready', { message: 'it has run out', retryAfter: 17 }));
      if (scope === 'full')
        return Promise.resolve(crl(() => Promise.resolve(Readable.from([LONG])), LONG.length));
      return Promise.resolve(scope < 2 ? crl(Buffer.from(`shard ${scope}`), 7) : undefined);
    },
    rootCrl: async (root) => (root === 'internal' ? crl(Buffer.from('root'), 4) : undefined),
  });
  server = createServer((request, response) => {
    if (!handler(request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(base + path, { headers, method });

describe('a CRL over HTTP', () => {
  test.each([
    ['/crl/servers-1/0.crl', 'shard 0'],
    ['/crl/servers-1/1.crl', 'shard 1'],
    ['/crl/internal.crl', 'root'],
  ])(
    '%s has its media type, a tag, a date, and is cached for no longer than a revocation may take',
    async (path, body) => {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'application/pkix-crl',
        'cache-control': 'public, max-age=30',
        etag: `"${'ab'.repeat(16)}"`,
        'last-modified': 'Mon, 01 Jun 2026 12:00:00 GMT',
        'x-content-type-options': 'nosniff',
        'content-length': String(body.length),
      });
      expect(await answer.text()).toBe(body);
    },
  );

  test('of megabytes is streamed', async () => {
    const answer = await get('/crl/servers-1/full.crl');
    expect(answer.headers.get('content-length')).toBe(String(LONG.length));
    expect(Buffer.from(await answer.arrayBuffer()).equals(LONG)).toBe(true);
    const head = await get('/crl/servers-1/full.crl', {}, 'HEAD');
    expect(head.headers.get('content-length')).toBe(String(LONG.length));
    expect(await head.text()).toBe('');
  });

  test.each([
    [{ 'if-none-match': `"${'ab'.repeat(16)}"` }, 304],
    [{ 'if-none-match': `"x", W/"${'ab'.repeat(16)}"` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-modified-since': 'Mon, 01 Jun 2026 12:00:00 GMT' }, 304],
    [{ 'if-modified-since': 'Mon, 01 Jun 2026 11:59:59 GMT' }, 200],
    [{ 'if-modified-since': 'yesterday' }, 200],
    // the tag counts more than the date
    [{ 'if-none-match': '"x"', 'if-modified-since': 'Mon, 01 Jun 2026 12:00:00 GMT' }, 200],
  ])('asked for with %j is answered %i', async (headers, status) => {
    const answer = await get('/crl/servers-1/0.crl', headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('etag')).toBe(`"${'ab'.repeat(16)}"`);
  });

  test('is cached only as long as it is valid', async () => {
    const cached = async (left: number): Promise<string | null> => {
      now = NOON + DAY - left;
      return (await get('/crl/servers-1/0.crl')).headers.get('cache-control');
    };
    expect(await cached(12.5 * SECOND)).toBe('public, max-age=12');
    expect(await cached(SECOND / 2)).toBe('no-store');
    now = NOON;
  });

  test('that has run out and is not renewed yet is no answer', async () => {
    const answer = await get('/crl/servers-1/3.crl');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('17');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('that there is not is not found, and what is no path of a CRL is left to others', async () => {
    for (const path of ['/crl/servers-1/2.crl', '/crl/servers-2/0.crl', '/crl/nobody.crl'])
      expect((await get(path)).status, path).toBe(404);
    for (const path of [
      '/crl/servers-1/00.crl',
      '/crl/servers-1/-1.crl',
      '/crl/servers-1/12345.crl',
      '/crl/servers-1/full.crl?x',
      '/crl/..%2fkeys.crl',
      '/crl/',
    ])
      expect((await get(path)).status, path).toBe(418);
    expect((await get('/crl/servers-1/0.crl', {}, 'POST')).status).toBe(418);
  });
});
