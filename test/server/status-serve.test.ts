/** `chancery status serve`: what a published folder says to relying parties, and to strangers. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, formatInstant, HOUR, MINUTE } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { answerPath } from '../../src/domain/revocation/publication.ts';
import { startStatusServer } from '../../src/server/status-serve.ts';
import { encodeCertId, type CertIdHash } from '../../src/x509/cert-id.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { readOcspResponse } from '../../src/x509/ocsp-response.ts';
import { freePorts } from '../support/free-ports.ts';
import { GOOD, NEVER_ISSUED, octets, ocspWorkbench, REVOKED } from '../support/ocsp.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

async function served() {
  const bench = await ocspWorkbench();
  const { clock, answers, issuer } = bench;
  const outside = mkdtempSync(join(tmpdir(), 'status-serve-'));
  const folder = join(outside, 'published');
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  for (const path of ['crl/servers-1', 'issuers']) mkdirSync(join(folder, path), { recursive: true });
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  put('crl/servers-1/0.crl', 'the shard');
  put('crl/internal.crl', 'the root');
  put('crl/servers.pem', 'both');
  put('issuers/servers-1.crt', 'the issuer');
  writeFileSync(join(outside, 'secret'), 'a secret');
  const keyHash = (hash: CertIdHash): string => createHash(hash).update(issuer.keyBits).digest('hex');
  const putAnswer = (serial: string, hash: CertIdHash): void => {
    const request = encodeOcspRequest([encodeCertId(hash, issuer, octets(serial))]);
    put(answerPath(hash, keyHash(hash), serial), answers.answer(request).der);
  };
  for (const serial of [GOOD, REVOKED])
    for (const hash of ['sha1', 'sha256'] as const) putAnswer(serial, hash);
  const manifest = (fields: object = {}): void =>
    put(
      'manifest.json',
      JSON.stringify({
        version: 1,
        trustDomain: 'example.test',
        writtenAt: formatInstant(clock.now()),
        files: { 'crl/servers-1/0.crl': { sha256: 'x', nextUpdate: formatInstant(clock.now() + DAY) } },
        ocsp: { certificates: 2, nextUpdate: formatInstant(clock.now() + HOUR), covers: {} },
        ...fields,
      }),
    );
  manifest();
  const said: string[] = [];
  const say = (level: string) => (message: string, fields?: object) =>
    void said.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const [port = 0] = await freePorts(1);
  const server = await startStatusServer({ folder, listen: `127.0.0.1:${port}`, cwd: '/' }, log, clock);
  onTestFinished(() => server.stop());
  const ask = (
    path: string,
    {
      method = 'GET',
      headers = {},
      body,
    }: { method?: string; headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      // `path` as it is: URL would tidy it up
      httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      })
        .once('error', reject)
        .end(body);
    });
  const requestFor = (serial: string, hash: CertIdHash = 'sha1', nonce?: Buffer): Uint8Array =>
    encodeOcspRequest([encodeCertId(hash, issuer, octets(serial))], nonce);
  const post = (body: Uint8Array): Promise<Answer> => ask('/ocsp', { method: 'POST', body });
  return { ...bench, ask, post, requestFor, put, manifest, folder, outside, port, said };
}

const statusOf = ({ body }: Answer): string => {
  const response = readOcspResponse(body);
  return response.status === 'successful' ? (response.basic.singles[0]?.status.kind ?? '') : response.status;
};

describe('files', () => {
  test.each([
    ['/crl/servers-1/0.crl', 'application/pkix-crl', 'the shard', 30],
    ['/crl/internal.crl', 'application/pkix-crl', 'the root', 30],
    ['/crl/servers.pem', 'application/x-pem-file', 'both', 30],
    ['/issuers/servers-1.crt', 'application/pkix-cert', 'the issuer', 3600],
  ])(
    '%s has its type, an age of at most half a minute where it matters, and tags',
    async (path, type, text, age) => {
      const { ask } = await served();
      const { status, headers, body } = await ask(path);
      expect([status, body.toString(), headers['content-type']]).toEqual([200, text, type]);
      expect(headers['cache-control']).toBe(`public, max-age=${age}`);
      expect(headers['x-content-type-options']).toBe('nosniff');
      const { etag = '', 'last-modified': modified = '' } = headers as Record<string, string>;
      expect(Date.parse(modified)).toBeGreaterThan(0);
      for (const known of [
        { 'if-none-match': etag },
        { 'if-none-match': 'W/"x", *' },
        { 'if-modified-since': modified },
      ]) {
        const again = await ask(path, { headers: known });
        expect([again.status, again.body.length]).toEqual([304, 0]);
      }
      const other = await ask(path, { headers: { 'if-none-match': '"x"', 'if-modified-since': modified } });
      expect(other.status).toBe(200);
      const head = await ask(path, { method: 'HEAD' });
      expect([head.status, head.body.length, head.headers['content-length']]).toEqual([
        200,
        0,
        String(text.length),
      ]);
    },
  );

  test('a file that is replaced is another one at once', async () => {
    const { ask, put } = await served();
    const before = (await ask('/crl/servers-1/0.crl')).headers['etag'];
    put('crl/servers-1/0.crl', 'the next shard');
    const { headers, body } = await ask('/crl/servers-1/0.crl', {
      headers: { 'if-none-match': String(before) },
    });
    expect(body.toString()).toBe('the next shard');
    expect(headers['etag']).not.toBe(before);
  });

  test.each([
    '/secret',
    '/../secret',
    '/crl/../../secret',
    '/crl/%2e%2e/%2e%2e/secret',
    '/crl/..%2f..%2fsecret.crl',
    '/crl/servers-1/../../../secret',
    '//secret',
    '/crl//0.crl',
    '/crl/.hidden.crl',
    '/crl/servers-1/',
    '/crl',
    '/',
    '/ocsp/../../secret',
    '/crl/servers-1/0.crl?x',
    '/crl/servers-1/0.crl%00',
    '/CRL/SERVERS-1/0.CRL',
    '/ocsp/sha1/x/y.ocsp',
    `/crl/${'a'.repeat(8000)}.crl`,
  ])('nothing else is there: %j', async (path) => {
    const { ask, folder } = await served();
    writeFileSync(join(folder, 'secret'), 'a secret');
    writeFileSync(join(folder, 'crl', '.hidden.crl'), 'a secret');
    const { status, body } = await ask(path);
    // an unreadable OCSP request is an OCSP answer
    expect(path.startsWith('/ocsp/') ? 200 : 404).toBe(status);
    expect(body.toString()).not.toContain('a secret');
  });

  test('a symbolic link, a folder and a pipe are nothing', async () => {
    const { ask, folder, outside } = await served();
    symlinkSync(join(outside, 'secret'), join(folder, 'crl', 'link.crl'));
    symlinkSync(outside, join(folder, 'crl', 'linked'));
    writeFileSync(join(outside, 'other.crl'), 'a secret');
    mkdirSync(join(folder, 'crl', 'folder.crl'));
    execFileSync('mkfifo', [join(folder, 'crl', 'pipe.crl')]);
    for (const name of ['link.crl', 'linked/other.crl', 'folder.crl', 'pipe.crl'])
      expect((await ask(`/crl/${name}`)).status, name).toBe(404);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused', async (method) => {
    const { ask } = await served();
    const { status, headers } = await ask('/crl/servers-1/0.crl', { method });
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
    if (method !== 'POST') expect((await ask('/ocsp', { method })).status).toBe(405);
  });

  test('a request line without end is cut off', async () => {
    const { port, ask } = await served();
    const text = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`GET /${'a'.repeat(100_000)}`));
      let read = '';
      socket.on('data', (chunk) => (read += chunk.toString()));
      socket.on('error', () => undefined).on('close', () => resolve(read));
    });
    expect(text).toMatch(/^(HTTP\/1\.1 4\d\d|$)/);
    expect((await ask('/healthz')).status).toBe(200);
  });
});

describe('OCSP', () => {
  test.each(['sha1', 'sha256'] as const)('is answered from what was signed ahead, %s', async (hash) => {
    const { ask, post, requestFor } = await served();
    for (const [serial, kind] of [
      [GOOD, 'good'],
      [REVOKED, 'revoked'],
    ] as const) {
      const request = requestFor(serial, hash);
      const posted = await post(request);
      expect([posted.status, posted.headers['content-type'], statusOf(posted)]).toEqual([
        200,
        'application/ocsp-response',
        kind,
      ]);
      const got = await ask(`/ocsp/${encodeURIComponent(Buffer.from(request).toString('base64'))}`);
      expect(statusOf(got)).toBe(kind);
      expect(got.headers['cache-control']).toMatch(/^max-age=30, public/);
      expect(got.headers['etag']).toMatch(/^"[0-9a-f]{64}"$/);
      expect(Date.parse(String(got.headers['last-modified']))).toBeGreaterThan(0);
    }
  });

  test('a nonce is left unanswered, as RFC 5019 lets a responder that signed before', async () => {
    const { post, requestFor } = await served();
    const response = readOcspResponse((await post(requestFor(GOOD, 'sha1', Buffer.alloc(32, 1)))).body);
    expect(response).toMatchObject({ status: 'successful', basic: { nonce: undefined } });
  });

  test('a serial number without an answer, another issuer, and several at once are unauthorized', async () => {
    const { post, requestFor, issuer } = await served();
    expect(statusOf(await post(requestFor(NEVER_ISSUED)))).toBe('unauthorized');
    const foreign = { ...issuer, keyBits: Buffer.alloc(65, 4) };
    expect(statusOf(await post(encodeOcspRequest([encodeCertId('sha1', foreign, octets(GOOD))])))).toBe(
      'unauthorized',
    );
    const both = [GOOD, REVOKED].map((serial) => encodeCertId('sha1', issuer, octets(serial)));
    expect(statusOf(await post(encodeOcspRequest(both)))).toBe('unauthorized');
  });

  test('the key of an issuer under the name of another is not believed', async () => {
    const { post, issuer } = await served();
    const renamed = { ...issuer, subject: Buffer.from('3000', 'hex') };
    const answer = await post(encodeOcspRequest([encodeCertId('sha1', renamed, octets(GOOD))]));
    expect(statusOf(answer)).toBe('internalError');
  });

  test('an answer that has run out is not given: tryLater, and nobody may keep that', async () => {
    const { post, requestFor, clock } = await served();
    clock.advance(HOUR - 10_000);
    expect((await post(requestFor(GOOD))).headers['cache-control']).toMatch(/^max-age=10,/);
    clock.advance(10_000);
    const answer = await post(requestFor(GOOD));
    expect([statusOf(answer), answer.headers['cache-control']]).toEqual(['tryLater', 'no-store']);
  });

  test('what is no request is malformedRequest; what lies in the place of an answer and is none, internalError', async () => {
    const { post, ask, requestFor, put, issuer } = await served();
    for (const body of [Buffer.alloc(0), Buffer.from('3000', 'hex'), Buffer.alloc(100_000, 0x30)])
      expect(statusOf(await post(body))).toBe('malformedRequest');
    expect(statusOf(await ask('/ocsp/%%%'))).toBe('malformedRequest');
    const keyHash = createHash('sha1').update(issuer.keyBits).digest('hex');
    put(answerPath('sha1', keyHash, GOOD), 'garbage');
    expect(statusOf(await post(requestFor(GOOD)))).toBe('internalError');
    put(answerPath('sha1', keyHash, GOOD), '');
    expect(statusOf(await post(requestFor(GOOD)))).toBe('internalError');
  });

  test('an answer about somebody else in the place of this one is not given', async () => {
    const { post, requestFor, folder, issuer } = await served();
    const at = (serial: string): string =>
      join(folder, answerPath('sha1', createHash('sha1').update(issuer.keyBits).digest('hex'), serial));
    writeFileSync(at(REVOKED), readFileSync(at(GOOD)));
    expect(statusOf(await post(requestFor(REVOKED)))).toBe('internalError');
  });
});

describe('age', () => {
  test('readyz goes red, with what has run out, when a CRL or the answers have', async () => {
    const { ask, clock } = await served();
    expect((await ask('/readyz')).body.toString()).toBe('ready\n');
    clock.advance(HOUR + MINUTE);
    const late = await ask('/readyz');
    expect([late.status, late.body.toString()]).toEqual([
      503,
      expect.stringMatching(/^not ready\nOCSP answers should have been replaced at /),
    ]);
    clock.advance(DAY);
    expect((await ask('/readyz')).body.toString()).toContain(
      'crl/servers-1/0.crl should have been replaced at',
    );
    expect((await ask('/healthz')).status).toBe(200);
  });

  test('a CRL that has run out is given all the same, and nobody may keep it', async () => {
    const { ask, clock } = await served();
    clock.advance(DAY - 5000);
    expect((await ask('/crl/servers-1/0.crl')).headers['cache-control']).toBe('public, max-age=5');
    clock.advance(5000 + MINUTE);
    const { status, headers, body } = await ask('/crl/servers-1/0.crl');
    expect([status, headers['cache-control'], body.toString()]).toEqual([200, 'no-store', 'the shard']);
  });

  test.each([
    '',
    '{',
    '[]',
    '{"version":2}',
    '{"version":1,"files":{}}',
    '{"version":1,"trustDomain":"x","writtenAt":"yesterday","files":{}}',
  ])('a manifest that is none keeps it red: %j', async (content) => {
    const { ask, put } = await served();
    put('manifest.json', content);
    const { status, body } = await ask('/readyz');
    expect([status, body.toString()]).toEqual([
      503,
      'not ready\nthere is no manifest.json that this release can read\n',
    ]);
    expect((await ask('/crl/servers-1/0.crl')).status).toBe(200);
  });

  test('at its start it says what has run out, or that nothing was published for a while', async () => {
    const { said, folder, clock, manifest } = await served();
    expect(said).toEqual([]);
    const lines: string[] = [];
    const say = (message: string, fields?: object): void =>
      void lines.push(`${message} ${JSON.stringify(fields)}`);
    const log: Log = { debug: say, info: say, warn: say, error: say };
    const start = async (): Promise<void> => {
      const [port = 0] = await freePorts(1);
      await (await startStatusServer({ folder, listen: `127.0.0.1:${port}`, cwd: '/' }, log, clock)).stop();
    };
    manifest({ ocsp: undefined });
    clock.advance(20 * MINUTE);
    await start();
    clock.advance(2 * DAY);
    await start();
    expect(lines).toEqual([
      expect.stringMatching(/^what is published grows old .*nothing was published for 20m/),
      expect.stringMatching(/^what is published has run out .*0\.crl should have been replaced/),
    ]);
  });
});

test.each([
  [{ folder: '/nonexistent/folder', listen: '127.0.0.1:1' }, 'there is no folder'],
  [{ folder: '/tmp', listen: 'nowhere' }, 'is no address'],
])('%j cannot be served', async (options, message) => {
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  await expect(startStatusServer({ ...options, cwd: '/' }, log)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(message) as string,
  });
});
