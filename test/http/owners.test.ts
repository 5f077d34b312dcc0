/** Whose certificates are, and how they are found again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const LABELS = { env: 'production', 'example.test/tier': 'web: 1, übergroß' };
const sign = async (name: string, more: object = {}) => {
  const { csr } = await makeCsr([{ kind: 'dns', value: name }]);
  return server.ask('POST', '/api/v1/certificates', { profile: 'server', csr, ...more });
};
const list = async (query: Record<string, string>): Promise<Record<string, unknown>[]> => {
  const { json } = await server.ask('GET', `/api/v1/certificates?${new URLSearchParams(query).toString()}`);
  return json['certificates'] as Record<string, unknown>[];
};

test('a certificate is found by its owner, a label, its key and both fingerprints, also the renewed one', async () => {
  const { json } = await sign('a.example.test', { owner: 'payments', labels: LABELS });
  await sign('b.example.test', { labels: { env: 'test' } });
  const generated = await server.ask('POST', '/api/v1/certificates/generate', {
    profile: 'server',
    names: { dns: ['c.example.test'] },
    owner: 'payments',
  });
  const next = await makeCsr([]);
  const path = `/api/v1/certificates/${String(json['serial'])}/renew`;
  const renewed = await server.ask('POST', path, { csr: next.csr });
  const serials = (found: readonly Record<string, unknown>[]) => found.map(({ serial }) => serial);
  const both = [renewed.json['serial'], json['serial']];
  expect(serials(await list({ owner: 'payments' }))).toEqual([both[0], generated.json['serial'], both[1]]);
  expect(serials(await list({ label: 'env:production' }))).toEqual(both);
  expect(serials(await list({ label: `example.test/tier:${LABELS['example.test/tier']}` }))).toEqual(both);
  expect(serials(await list({ label: 'env:production', owner: 'nobody' }))).toEqual([]);
  const [first] = await list({ serial: String(both[0]) });
  expect(first).toMatchObject({ owner: 'payments', labels: LABELS });
  const keyFingerprint = String(first?.['keyFingerprint']);
  expect(serials(await list({ keyFingerprint }))).toEqual([both[0]]);
  expect(serials(await list({ fingerprint: keyFingerprint }))).toEqual([]);
  const shown = await server.ask('GET', `/api/v1/certificates/${String(both[1])}`);
  expect(shown.json).toMatchObject({ owner: 'payments', labels: LABELS });
});

test.each([
  ['an empty owner', { owner: '' }],
  ['an owner of 201 characters', { owner: 'x'.repeat(201) }],
  ['an owner with a line break', { owner: 'a\nb' }],
  ['an owner that turns the text around', { owner: 'a\u202eb' }],
  ['a key in capitals', { labels: { Env: 'x' } }],
  ['a key with a colon', { labels: { 'a:b': 'x' } }],
  ['a key of 64 characters', { labels: { ['k'.repeat(64)]: 'x' } }],
  ['a value of 201 characters', { labels: { env: 'x'.repeat(201) } }],
  ['a value with an escape sequence', { labels: { env: '\u001b[2J' } }],
  ['a value that is a number', { labels: { env: 7 } }],
  ['17 labels', { labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'x'])) }],
])('%s is refused', async (_what, more) => {
  expect((await sign('a.example.test', more)).json).toMatchObject({ status: 400, code: 'invalid_request' });
});

test('16 labels of full length are kept', async () => {
  const labels = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`k${i}`.padEnd(63, 'x'), '€'.repeat(200)]),
  );
  const { json, status } = await sign('long.example.test', { labels, owner: '€'.repeat(200) });
  expect(status).toBe(201);
  expect((await server.ask('GET', `/api/v1/certificates/${String(json['serial'])}`)).json['labels']).toEqual(
    labels,
  );
});
