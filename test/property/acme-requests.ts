/** ACME requests that nobody meant well: answered or refused, never failed at. */
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { asProblem } from '../../src/domain/acme/problem.ts';
import { makeAcme, signed, type TestAcme, type TestClient } from '../support/acme.ts';

let acme: TestAcme;
let client: TestClient;

/** Every resource: of nobody, and of the client itself, where whatever it sends is looked at to the end. */
let paths: string[];

async function pathsOf(): Promise<string[]> {
  const { authorizations, finalize, url } = await client.order(['www.example.test']);
  const ready = await client.order(['b.example.test']);
  await client.authorize(ready);
  const { json } = await client.post(authorizations[0] ?? '');
  const challenges = json['challenges'] as readonly { readonly url: string }[];
  const { url: certificate } = await client.obtain(['c.example.test']);
  return [
    ...['new-account', 'new-order', 'key-change', 'revoke-cert', 'account/x', 'orders/x'],
    ...['order/x/finalize', 'authz/x', 'challenge/x/http-01', 'certificate/00'],
    ...[client.kid ?? '', url, finalize, ready.finalize, certificate],
    ...[...authorizations, ...challenges.map((challenge) => challenge.url)],
  ];
}

/** JSON that means something here, or nothing at all. */
const leaf = fc.oneof(
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text) as unknown),
  fc.constantFrom(
    'ES256',
    'none',
    'HS256',
    '',
    0,
    -1,
    1e308,
    null,
    true,
    [],
    {},
    '__proto__',
    '\0',
    '*',
    '*.example.test',
    '2026-06-31T00:00:00Z',
    'mailto:',
    '..',
  ),
);
const payload = fc.dictionary(
  fc.constantFrom(
    'identifiers',
    'notBefore',
    'notAfter',
    'profile',
    'replaces',
    'contact',
    'status',
    'csr',
    'certificate',
    'reason',
    'externalAccountBinding',
    'onlyReturnExisting',
    'protected',
    'payload',
    'signature',
    'account',
    'oldKey',
    '__proto__',
    'constructor',
  ),
  fc.oneof(leaf, fc.array(fc.dictionary(fc.constantFrom('type', 'value'), leaf), { maxLength: 3 })),
);
const header = fc.dictionary(
  fc.constantFrom('alg', 'kid', 'jwk', 'url', 'nonce', 'crit', 'b64', 'x5c', '__proto__'),
  fc.oneof(leaf, fc.constant(undefined)),
  { maxKeys: 2 },
);

/** What it came to: never a failure inside. */
async function outcome(sent: Promise<{ status: number }>): Promise<number> {
  try {
    return (await sent).status;
  } catch (error) {
    return asProblem(error).status;
  }
}

const somewhere = fc.nat().map((n) => paths[n % paths.length] ?? '');

/** Defines the tests: `runs` requests of each kind. */
export function fuzzAcmeRequests(runs: number): void {
  beforeAll(async () => {
    acme = await makeAcme();
    client = acme.client();
    await client.register();
    paths = await pathsOf();
  });

  describe('requests of strangers', { timeout: 600_000 }, () => {
    it('RFC 8555 6.2: a body of whatever octets is refused with 4xx', async () => {
      await fc.assert(
        fc.asyncProperty(somewhere, fc.oneof(fc.string(), fc.json()), async (path, body) => {
          const status = await outcome(client.post(path, undefined, { body }));
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
        }),
        { numRuns: runs },
      );
    });

    it('RFC 8555 6.2: a JWS with any header and payload, rightly signed, is answered or refused, never failed at', async () => {
      await fc.assert(
        fc.asyncProperty(somewhere, header, payload, async (path, over, content) => {
          const url = path.startsWith('https:') ? path : client.url(path);
          const head = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid, ...over };
          const body = JSON.stringify(signed(client.key, head, content));
          const status = await outcome(client.post(path, undefined, { body }));
          expect(status).toBeLessThan(500);
        }),
        { numRuns: runs },
      );
    });

    it('RFC 8555 6.2: a JWS in which one character is another is refused', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.constantFrom(...'AZaz09-_".{}'), async (at, char) => {
          const url = client.url('new-order');
          const head = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid };
          const text = JSON.stringify(
            signed(client.key, head, { identifiers: [{ type: 'dns', value: 'www.example.test' }] }),
          );
          const index = at % text.length;
          if (text[index] === char) return;
          const body = text.slice(0, index) + char + text.slice(index + 1);
          const status = await outcome(client.post('new-order', undefined, { body }));
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
        }),
        { numRuns: runs },
      );
    });

    it('nothing that was sent stands in a prototype', () => {
      expect(({} as Record<string, unknown>)['identifiers']).toBeUndefined();
      expect(Object.prototype).not.toHaveProperty('status');
    });
  });
}
