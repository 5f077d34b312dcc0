/** OCSP over HTTP at a whole server: POST and GET, caching, hostile requests, and a real OCSP client's forms. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBase64 } from '../../src/x509/bytes.ts';
import { encodeCertId, type NamedIssuer } from '../../src/x509/cert-id.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { readOcspResponse } from '../../src/x509/ocsp-response.ts';
import { decodePemOne } from '../../src/x509/pem.ts';
import { type PublicKey, readPublicKey } from '../../src/x509/public-key.ts';
import { verifyOcspResponse } from '../../src/domain/revocation/ocsp-verify.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
let base: string;
let ca: { readonly certificate: Certificate; readonly publicKey: PublicKey };
let issuer: NamedIssuer;
let leaf: Certificate;

async function issue(name: string): Promise<Certificate> {
  const { csr } = await makeCsr([{ kind: 'dns', value: name }]);
  const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
  return readCertificate(decodePemOne(String(issued.json['certificate']), 'CERTIFICATE'));
}

beforeAll(async () => {
  server = await startTestServer();
  base = server.server.urls.status;
  const der = Buffer.from(await (await fetch(`${base}/issuers/servers-1.crt`)).arrayBuffer());
  const certificate = readCertificate(der);
  ca = { certificate, publicKey: readPublicKey(certificate.spki) };
  issuer = { subject: certificate.subject, keyBits: ca.publicKey.keyBits };
  leaf = await issue('www.example.test');
});
afterAll(() => server.stop());

const certIdOf = (serial: Uint8Array): Uint8Array => encodeCertId('sha1', issuer, serial);
const requestFor = (serial: Uint8Array, nonce?: Uint8Array): Buffer =>
  Buffer.from(encodeOcspRequest([certIdOf(serial)], nonce));

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly der: Buffer;
}

async function send(url: string, init?: RequestInit): Promise<Reply> {
  const answer = await fetch(url, init);
  return { status: answer.status, headers: answer.headers, der: Buffer.from(await answer.arrayBuffer()) };
}
const post = (body: Uint8Array, type = 'application/ocsp-request'): Promise<Reply> =>
  send(`${base}/ocsp`, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': type } });
const get = (text: string, headers: Record<string, string> = {}): Promise<Reply> =>
  send(`${base}/ocsp/${text}`, { headers });

/** The status that a relying party reads in the answer. */
function statusOf({ status, headers, der }: Reply, serial: Uint8Array, nonce?: Uint8Array): string {
  expect([status, headers.get('content-type')]).toEqual([200, 'application/ocsp-response']);
  const asked = { certId: certIdOf(serial), issuer: ca, nonce, now: Date.now() };
  const verdict = verifyOcspResponse(der, asked);
  return verdict.believed ? verdict.status.kind : verdict.reason;
}

const NEVER_ISSUED = Buffer.from('5a00000000000000000000000000beef', 'hex');

describe('OCSP over HTTP', () => {
  test('answers POST and GET the same', async () => {
    const request = requestFor(leaf.serial);
    const posted = await post(request);
    const got = await get(encodeURIComponent(toBase64(request)));
    expect([statusOf(posted, leaf.serial), statusOf(got, leaf.serial)]).toEqual(['good', 'good']);
    expect(got.der).toEqual(posted.der);
    expect(statusOf(await post(requestFor(NEVER_ISSUED)), NEVER_ISSUED)).toBe('unknown');
  });

  test('sees a revocation with the next answer, and keeps its reason', async () => {
    const victim = await issue('victim.example.test');
    const serial = Buffer.from(victim.serial).toString('hex');
    expect(statusOf(await post(requestFor(victim.serial)), victim.serial)).toBe('good');
    const order = { serials: [serial], reason: 'superseded' };
    expect((await server.ask('POST', '/api/v1/revocations', order)).status).toBe(200);
    const reply = await post(requestFor(victim.serial));
    expect(statusOf(reply, victim.serial)).toBe('revoked');
    expect(readOcspResponse(reply.der)).toMatchObject({
      basic: { singles: [{ status: { kind: 'revoked', reason: 'superseded' } }] },
    });
  });

  test('finds the request in a GET however it is written', async () => {
    // until the text has every character that is written in different ways
    let text = '';
    for (let n = 0; !/\+.*\/.*=|\/.*\+.*=/.test(text); n++) {
      const serial = Buffer.from(`5a${n.toString(16).padStart(28, '0')}fb`, 'hex');
      text = toBase64(Buffer.from(encodeOcspRequest([certIdOf(serial)], Buffer.from([0xfb, n & 0xff]))));
      if (n > 100_000) throw new Error('no such text');
    }
    const forms = [
      text,
      encodeURIComponent(text),
      text.replaceAll('+', '%2b').replaceAll('/', '%2f'),
      text.replace(/=+$/, ''),
      `/${text}`,
      `${text}?a=b`,
    ];
    for (const form of forms) expect((await get(form)).der.length, form).toBeGreaterThan(100);
  });

  test('says how long an answer may be kept: half a minute, whatever it is worth', async () => {
    const { headers } = await get(encodeURIComponent(toBase64(requestFor(leaf.serial))));
    expect(headers.get('cache-control')).toBe('max-age=30, public, no-transform, must-revalidate');
    const at = (name: string): number => Date.parse(headers.get(name) ?? '');
    expect(at('expires') - at('date')).toBeLessThanOrEqual(30_000);
    expect(at('expires') - at('date')).toBeGreaterThanOrEqual(28_000);
    expect(at('last-modified')).toBeLessThanOrEqual(at('date'));
    expect(headers.get('etag')).toMatch(/^"[0-9a-f]{64}"$/);
  });

  test('a cache asks whether its answer still holds', async () => {
    const text = encodeURIComponent(toBase64(requestFor(leaf.serial)));
    const { headers } = await get(text);
    const etag = headers.get('etag') ?? '';
    const modified = headers.get('last-modified') ?? '';
    const status = async (given: Record<string, string>): Promise<number> => (await get(text, given)).status;
    expect(await status({ 'if-none-match': etag })).toBe(304);
    expect(await status({ 'if-none-match': `"other", W/${etag}` })).toBe(304);
    expect(await status({ 'if-none-match': '"other"', 'if-modified-since': modified })).toBe(200);
    expect(await status({ 'if-modified-since': modified })).toBe(304);
    expect(await status({ 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).toBe(200);
    const unchanged = await get(text, { 'if-none-match': etag });
    expect([unchanged.der.length, unchanged.headers.get('etag')]).toEqual([0, etag]);
  });

  test.each([1, 32, 128])('repeats a nonce of %d octets, in an answer that nobody keeps', async (length) => {
    const nonce = Buffer.alloc(length, 7);
    const reply = await post(requestFor(leaf.serial, nonce));
    expect(statusOf(reply, leaf.serial, nonce)).toBe('good');
    expect(readOcspResponse(reply.der)).toMatchObject({ basic: { nonce } });
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.headers.get('etag')).toBeNull();
  });

  test('takes any media type: the octets are what counts', async () => {
    for (const type of ['application/octet-stream', 'text/plain'])
      expect(statusOf(await post(requestFor(leaf.serial), type), leaf.serial)).toBe('good');
  });

  test('refuses other methods, and serves HEAD', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers } = await send(`${base}/ocsp`, { method });
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    }
    const url = `${base}/ocsp/${encodeURIComponent(toBase64(requestFor(leaf.serial)))}`;
    const head = await send(url, { method: 'HEAD' });
    expect([head.status, head.der.length, Number(head.headers.get('content-length')) > 100]).toEqual([
      200,
      0,
      true,
    ]);
    expect((await send(`${base}/ocsp-not`)).status).toBe(404);
  });

  test('counts what it answered', async () => {
    await post(requestFor(leaf.serial));
    const metrics = await (await fetch(server.server.urls.metrics)).text();
    expect(metrics).toMatch(/^chancery_ocsp_answers_total\{status="good",cached="true"\} [1-9]/m);
    expect(metrics).toMatch(/^chancery_ocsp_answers_total\{status="good",cached="false"\} [1-9]/m);
  });
});

describe('OCSP over HTTP and hostile requests', () => {
  const MALFORMED = Buffer.from('30030a0101', 'hex');

  test.each<readonly [string, () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['an indefinite length', () => Buffer.from('3080', 'hex')],
    ['lengths that lie, a hundred times', () => Buffer.from('30847fffffff'.repeat(100), 'hex')],
    ['65,536 octets of FF', () => Buffer.alloc(65536, 0xff)],
    ['a million octets', () => Buffer.alloc(1_000_000, 0x30)],
    ['a truncated request', () => requestFor(leaf.serial).subarray(0, 60)],
    ['trailing octets', () => Buffer.concat([requestFor(leaf.serial), Buffer.from([0])])],
    ['a nonce of 129 octets', () => requestFor(leaf.serial, Buffer.alloc(129))],
    ['a nonce of no octets', () => requestFor(leaf.serial, Buffer.alloc(0))],
    ['a serial number of 21 octets', () => requestFor(Buffer.alloc(21, 0x55))],
  ])('%s gets malformedRequest and nothing else', async (_what, body) => {
    const reply = await post(body());
    expect([reply.status, reply.headers.get('content-type'), reply.der]).toEqual([
      200,
      'application/ocsp-response',
      MALFORMED,
    ]);
    expect(reply.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['nothing', ''],
    ['a slash', '/'],
    ['a query', '?x'],
    ['no base64', '/!!!'],
    ['a percent sign', '/%'],
    ['half an escape', '/%zz'],
    ['an escape that is no UTF-8', '/%E0%A4%A'],
    ['base64 of nothing that is meant', '/AAAA'],
    ['9,000 characters', `/${'A'.repeat(9000)}`],
  ])('a GET with %s behind /ocsp gets malformedRequest', async (_what, path) => {
    const reply = await send(`${base}/ocsp${path}`);
    expect([reply.status, reply.der]).toEqual([200, MALFORMED]);
  });

  test('a foreign issuer gets an unsigned unauthorized', async () => {
    const foreign = { ...issuer, keyBits: Buffer.alloc(65, 4) };
    const reply = await post(encodeOcspRequest([encodeCertId('sha256', foreign, leaf.serial)]));
    expect(reply.der).toEqual(Buffer.from('30030a0106', 'hex'));
  });

  test('a body that comes in pieces is put together, one without end is cut off', async () => {
    const body = requestFor(leaf.serial);
    const { port } = new URL(base);
    const reply = await new Promise<Buffer>((resolve, reject) => {
      const outgoing = httpRequest({ port, host: '127.0.0.1', path: '/ocsp', method: 'POST' }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve(Buffer.concat(chunks)));
      });
      outgoing.on('error', reject);
      outgoing.write(body.subarray(0, 30));
      setTimeout(() => outgoing.end(body.subarray(30)), 20);
    });
    expect(readOcspResponse(reply).status).toBe('successful');

    const endless = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write('POST /ocsp HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
        for (let n = 0; n < 20; n++) socket.write(`400\r\n${'x'.repeat(0x400)}\r\n`);
      });
      socket.once('data', (chunk) => {
        resolve(chunk.toString('latin1'));
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(endless).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(endless.endsWith(`\r\n\r\n${MALFORMED.toString('latin1')}`)).toBe(true);
  });
});
