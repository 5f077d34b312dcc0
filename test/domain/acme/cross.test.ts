import { beforeAll, describe, expect, it } from 'vitest';
import {
  ACME_URL,
  b64,
  csrFor,
  makeAcme,
  problemOf,
  type TestAcme,
  type TestClient,
  type TestOrder,
} from '../../support/acme.ts';

/** Whose objects: ann at `servers`. Who tries: bob at `servers`, and ann's own key at `clients`. */
let acme: TestAcme;
let ann: TestClient;
let bob: TestClient;
let elsewhere: TestClient;
let order: TestOrder;
let certificate: string;
let challenge: string;

beforeAll(async () => {
  acme = await makeAcme();
  ann = acme.client();
  bob = acme.client();
  elsewhere = acme.client(ann.key, 'clients');
  for (const client of [ann, bob, elsewhere]) await client.register();
  order = await ann.order(['www.example.test']);
  const { json } = await ann.post(order.authorizations[0] ?? '');
  challenge = (json['challenges'] as { url: string }[])[0]?.url ?? '';
  await ann.authorize(order);
  certificate = (await ann.obtain(['b.example.test'])).url;
});

const id = (url: string): string => url.split('/').slice(5).join('/');

/** Object, payload. */
const OBJECTS: readonly (readonly [what: string, path: () => string, payload: () => unknown])[] = [
  ['reads the account', () => id(ann.kid ?? ''), () => undefined],
  ['changes the account', () => id(ann.kid ?? ''), () => ({ contact: [] })],
  ['deactivates the account', () => id(ann.kid ?? ''), () => ({ status: 'deactivated' })],
  ['lists the orders', () => id(ann.kid ?? '').replace('account', 'orders'), () => undefined],
  ['reads the order', () => id(order.url), () => undefined],
  ['finalizes the order (step-ca 262)', () => id(order.finalize), () => ({ csr: 'AAAA' })],
  ['reads the authorization', () => id(order.authorizations[0] ?? ''), () => undefined],
  [
    'deactivates the authorization',
    () => id(order.authorizations[0] ?? ''),
    () => ({ status: 'deactivated' }),
  ],
  ['reads the challenge', () => id(challenge), () => undefined],
  ['answers the challenge', () => id(challenge), () => ({})],
  ['downloads the certificate', () => id(certificate), () => undefined],
  ['downloads the alternate chain', () => `${id(certificate)}/1`, () => undefined],
];

/** Who tries, and under which directory the URL is. */
const TRIES: readonly (readonly [who: string, client: () => TestClient, issuer: string])[] = [
  ['another account', () => bob, 'servers'],
  ['the same key at another directory', () => elsewhere, 'clients'],
  ['an account of this directory under the URL of another', () => ann, 'clients'],
  ['an account of another directory under this URL', () => elsewhere, 'servers'],
];

describe('RFC 8555 7: every object belongs to an account and a directory', () => {
  for (const [who, client, issuer] of TRIES)
    it.each(OBJECTS)(`RFC 8555 7: ${who} %s: refused`, async (_what, path, payload) => {
      const before = acme.store.entries.length;
      const signatures = acme.pipeline.journal.filter((what) => what === 'signed').length;
      const sent = client().post(`${ACME_URL}/${issuer}/${path()}`, payload());
      const problem = await problemOf(sent);
      expect([400, 401, 403, 404]).toContain(problem.status);
      expect(['malformed', 'unauthorized', 'accountDoesNotExist']).toContain(problem.type);
      expect(acme.store.entries).toHaveLength(before);
      expect(acme.pipeline.journal.filter((what) => what === 'signed')).toHaveLength(signatures);
    });

  it('RFC 8555 7: its owner may still do all of it', async () => {
    const csr = b64(await csrFor(['www.example.test']));
    expect((await ann.post(order.finalize, { csr })).json['status']).toBe('valid');
    expect((await ann.post(certificate)).status).toBe(200);
    expect((await ann.post(ann.kid ?? '')).json['status']).toBe('valid');
  });

  it.each([
    'order',
    'authz',
    'certificate',
    'orders',
    'account',
    'challenge',
    'nothing',
    'new-order/x',
    'order/1/2',
  ])('RFC 8555 7: there is nothing at %s', async (path) => {
    expect((await problemOf(ann.post(path, {}))).status).toBe(404);
  });
});
