import { expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { parseLabel } from '../../../src/domain/issuance/labels.ts';
import { GENEROUS, issued, makePipeline } from '../../support/pipeline.ts';

const NAMES = parseNames({ uri: ['spiffe://example.test/app'] });

it('a certificate belongs to whom the request names, else to the owner of the grant that allowed it', async () => {
  const pipeline = await makePipeline({ grants: [{ ...GENEROUS, owner: 'platform team' }] });
  const named = issued(await pipeline.issue({ owner: 'payments', labels: { env: 'production' } }));
  expect(named).toMatchObject({ owner: 'payments', labels: { env: 'production' } });
  expect(pipeline.ledger.audit.at(-1)?.details).toMatchObject({
    owner: 'payments',
    labels: { env: 'production' },
  });
  expect(issued(await pipeline.issue({}))).toMatchObject({ owner: 'platform team', labels: {} });
  const nobodys = await makePipeline();
  expect(issued(await nobodys.issue({})).owner).toBeNull();
  expect(nobodys.ledger.audit.at(-1)?.details).not.toHaveProperty('owner');
});

it('a certificate of a token belongs to the owner of the token', async () => {
  const pipeline = await makePipeline({ grants: [] });
  const now = pipeline.clock.now();
  const token = {
    id: 't1',
    issuer: 'workload',
    profile: 'workload',
    names: NAMES,
    maxTtl: null,
    uses: 1,
    expiresAt: now + HOUR,
    createdBy: 'system:test',
    createdAt: now,
    owner: 'payments',
  };
  await pipeline.ledger.store.tokens.add(token, Buffer.alloc(32), []);
  const record = issued(await pipeline.issue({ principal: { kind: 'token', token, spent: false } }));
  expect(record.owner).toBe('payments');
});

it('a renewal keeps owner and labels, whatever it asks for', async () => {
  const pipeline = await makePipeline();
  const { serial } = issued(await pipeline.issue({ owner: 'payments', labels: { env: 'production' } }));
  const renews = pipeline.ledger.findCertificate(serial);
  if (renews === undefined) throw new Error('not recorded');
  const renewed = issued(
    await pipeline.issue({ renews, names: undefined, owner: 'mallory', labels: { env: 'test' } }),
  );
  expect(renewed).toMatchObject({ renews: serial, owner: 'payments', labels: { env: 'production' } });
});

it.each([
  ['env:production', { key: 'env', value: 'production' }],
  ['url:https://a', { key: 'url', value: 'https://a' }],
  ['flag:', { key: 'flag', value: '' }],
  [':x', undefined],
  ['env', undefined],
])('the label %s is read', (text, label) => {
  expect(parseLabel(text)).toEqual(label);
});
