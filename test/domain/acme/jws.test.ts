import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { Nonces } from '../../../src/domain/acme/nonces.ts';
import { SeededRandom } from '../../fakes/random.ts';
import {
  ACME_URL,
  accountKey,
  type Algorithm,
  b64,
  makeAcme,
  problemOf,
  refusedAs,
  signed,
  type TestAcme,
  type TestClient,
} from '../../support/acme.ts';

let acme: TestAcme;
let client: TestClient;

beforeAll(async () => {
  acme = await makeAcme();
  client = acme.client();
  await client.register();
});

const nonce = (): string => acme.server.nonce();
const header = (more: object = {}): object => ({
  alg: 'ES256',
  nonce: nonce(),
  url: client.url('new-order'),
  kid: client.kid,
  ...more,
});
const ORDER = { identifiers: [{ type: 'dns', value: 'www.example.test' }] };
const body = (head: unknown, payload: unknown = ORDER): string =>
  JSON.stringify(signed(client.key, head, payload));
const changed = (over: object): string => JSON.stringify({ ...signed(client.key, header(), ORDER), ...over });

describe('RFC 8555 6.2', () => {
  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256'] satisfies Algorithm[])(
    'RFC 8555 6.2: an account with a key for %s is made and asks for an order',
    async (alg) => {
      const other = acme.client(accountKey(alg));
      expect((await other.register()).status).toBe(201);
      expect((await other.order(['www.example.test'])).reply.status).toBe(201);
    },
  );

  /** 25 forms of a JWS that is none of ours. */
  const HOSTILE: readonly (readonly [what: string, body: () => string, refused: string])[] = [
    ['an empty body', () => '', 'malformed 400'],
    ['no JSON', () => 'protected.payload.signature', 'malformed 400'],
    ['a list', () => '[]', 'malformed 400'],
    ['a million dots', () => '.'.repeat(60_000), 'malformed 400'],
    ['a member twice', () => changed({}).replace('{', '{"payload":"e30",'), 'malformed 400'],
    ['an unprotected header', () => changed({ header: { kid: 'x' } }), 'malformed 400'],
    ['several signatures', () => changed({ signatures: [] }), 'malformed 400'],
    ['no signature', () => changed({ signature: '' }), 'malformed 400'],
    ['a signature with padding', () => changed({ signature: `${b64(Buffer.alloc(64))}==` }), 'malformed 400'],
    [
      'a signature of zeros (CVE-2022-21449)',
      () => changed({ signature: b64(Buffer.alloc(64)) }),
      'malformed 400',
    ],
    [
      'another payload than was signed',
      () => changed({ payload: b64('{"identifiers":[]}') }),
      'malformed 400',
    ],
    ['a header that is a list', () => body('[]'), 'malformed 400'],
    [
      'a header with a member twice',
      () => body(JSON.stringify(header()).replace('{', '{"alg":"none",')),
      'malformed 400',
    ],
    ['alg none', () => body(header({ alg: 'none' })), 'badSignatureAlgorithm 400'],
    ['alg HS256 under the public key', () => confused(), 'badSignatureAlgorithm 400'],
    ['alg RS512', () => body(header({ alg: 'RS512' })), 'badSignatureAlgorithm 400'],
    ['the alg of another key', () => body(header({ alg: 'ES384' })), 'badSignatureAlgorithm 400'],
    ['no alg', () => body(header({ alg: undefined })), 'malformed 400'],
    ['crit', () => body(header({ crit: ['b64'], b64: false })), 'malformed 400'],
    ['zip', () => body(header({ zip: 'DEF' })), 'malformed 400'],
    ['b64', () => body(header({ b64: true })), 'malformed 400'],
    ['jwk and kid', () => body(header({ jwk: client.key.jwk })), 'malformed 400'],
    ['neither jwk nor kid', () => body(header({ kid: undefined })), 'malformed 400'],
    [
      'jwk where an account is asked for',
      () => body(header({ kid: undefined, jwk: client.key.jwk })),
      'malformed 400',
    ],
    ['a payload that is no object', () => body(header(), '"text"'), 'malformed 400'],
    [
      'a payload with a member twice',
      () => body(header(), '{"identifiers":[],"identifiers":[]}'),
      'malformed 400',
    ],
    [
      'the signature of another key',
      () => JSON.stringify(signed(accountKey(), header(), ORDER)),
      'malformed 400',
    ],
    ['a kid that is a list', () => body(header({ kid: [client.kid] })), 'accountDoesNotExist 400'],
    [
      'a kid of nobody',
      () => body(header({ kid: client.url('account', '0'.repeat(28)) })),
      'accountDoesNotExist 400',
    ],
    [
      'a kid elsewhere',
      () => body(header({ kid: client.kid?.replace('ca.', 'evil.') })),
      'accountDoesNotExist 400',
    ],
    ['another URL', () => body(header({ url: client.url('key-change') })), 'unauthorized 403'],
    [
      'the URL under another host',
      () => body(header({ url: 'https://evil.example/acme/servers/new-order' })),
      'unauthorized 403',
    ],
    ['no URL', () => body(header({ url: undefined })), 'unauthorized 403'],
    ['no nonce', () => body(header({ nonce: undefined })), 'badNonce 400'],
    ['a made-up nonce', () => body(header({ nonce: b64(Buffer.alloc(21)) })), 'badNonce 400'],
    ['a nonce that is not base64url', () => body(header({ nonce: 'a+b/c=' })), 'malformed 400'],
    ['a nonce that is a number', () => body(header({ nonce: 1 })), 'malformed 400'],
  ];

  const confused = (): string => {
    const head = b64(JSON.stringify(header({ alg: 'HS256' })));
    const payload = b64(JSON.stringify(ORDER));
    const secret = JSON.stringify(client.key.jwk);
    const mac = createHmac('sha256', secret).update(`${head}.${payload}`).digest();
    return JSON.stringify({ protected: head, payload, signature: b64(mac) });
  };

  it.each(HOSTILE)('RFC 8555 6.2: %s is refused within 50 ms', async (_what, make, refused) => {
    const sent = make();
    const started = performance.now();
    expect(await refusedAs(client.post('new-order', undefined, { body: sent }))).toBe(refused);
    expect(performance.now() - started).toBeLessThan(50);
  });

  it('RFC 8555 6.2: badSignatureAlgorithm says what would do', async () => {
    const problem = await problemOf(
      client.post('new-order', undefined, { body: body(header({ alg: 'HS512' })) }),
    );
    expect(problem.detail.algorithms).toEqual(['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256']);
  });

  it.each([
    ['a private key', { ...accountKey().jwk, d: 'AA' }],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
    ['an unknown curve', { ...accountKey().jwk, crv: 'secp256k1' }],
    ['a point off the curve', { ...accountKey().jwk, x: b64(Buffer.alloc(32, 1)) }],
    ['a coordinate with an octet too many', { ...accountKey().jwk, x: b64(Buffer.alloc(33)) }],
    ['RSA of 1024 bits', { kty: 'RSA', e: 'AQAB', n: b64(Buffer.alloc(128, 0xc3)) }],
    ['RSA with the exponent 1', { ...accountKey('RS256').jwk, e: 'AQ' }],
    ['an Ed25519 point of small order', { kty: 'OKP', crv: 'Ed25519', x: b64(Buffer.alloc(32)) }],
    ['a text', 'jwk'],
  ])('RFC 8555 6.2: %s as jwk is refused as badPublicKey', async (_what, jwk) => {
    const other = acme.client(accountKey());
    const refused = await refusedAs(other.post('new-account', {}, { header: { jwk } }));
    expect(['badPublicKey 400', 'badSignatureAlgorithm 400', 'malformed 400']).toContain(refused);
    expect(acme.store.acme.accounts.list(undefined, 100)).not.toContainEqual(
      expect.objectContaining({ jwk: JSON.stringify(jwk) }),
    );
  });
});

describe('RFC 8555 6.3', () => {
  it('RFC 8555 6.3: what is only read takes no payload, not even an empty object', async () => {
    const order = await client.order(['www.example.test']);
    expect((await client.post(order.url)).status).toBe(200);
    expect(await refusedAs(client.post(order.url, {}))).toBe('malformed 400');
  });
});

describe('RFC 8555 6.5', () => {
  it('RFC 8555 6.5: a nonce sent twice in parallel is accepted once, 1,000 times', async () => {
    let accepted = 0;
    const refusals = new Set<string>();
    for (let i = 0; i < 1000; i++) {
      const once = { header: { nonce: nonce() } };
      const results = await Promise.allSettled([
        client.post(client.kid ?? '', undefined, once),
        client.post(client.kid ?? '', undefined, once),
      ]);
      for (const result of results)
        if (result.status === 'fulfilled') accepted++;
        else refusals.add(String((result.reason as { type?: unknown }).type));
    }
    expect(accepted).toBe(1000);
    expect([...refusals]).toEqual(['badNonce']);
  });

  it('RFC 8555 6.5: a nonce of an earlier process, or of another server, is refused', () => {
    const before = new Nonces(new SeededRandom('before'));
    const after = new Nonces(new SeededRandom('after'));
    const old = before.issue();
    for (let i = 0; i < 10; i++) after.issue();
    expect(after.take(old)).toBe(false);
    expect(before.take(old)).toBe(true);
    expect(before.take(old)).toBe(false);
  });

  it('RFC 8555 6.5: nonces are bounded: who waits for a whole window to pass has lost it', () => {
    const nonces = new Nonces(new SeededRandom(), 64);
    const first = nonces.issue();
    const second = nonces.issue();
    for (let i = 0; i < 63; i++) nonces.issue();
    expect(nonces.take(first)).toBe(false);
    expect(nonces.take(second)).toBe(true);
    for (let i = 0; i < 1000; i++) nonces.issue();
    expect(nonces.take(second)).toBe(false);
  });

  it.each([
    [
      'an octet changed',
      (text: string) => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`),
    ],
    ['an octet less', (text: string) => text.slice(0, -1)],
    ['padding', (text: string) => `${text}=`],
    ['a space', (text: string) => `${text} `],
    ['nothing at all', () => ''],
  ])('RFC 8555 6.5: a nonce with %s is refused', (_what, change) => {
    const nonces = new Nonces(new SeededRandom());
    expect(nonces.take(change(nonces.issue()))).toBe(false);
  });
});

it('RFC 8555 6.4: the URL is the one that the server gives out, whatever Host was asked', () => {
  expect(client.kid?.startsWith(`${ACME_URL}/servers/account/`)).toBe(true);
});
