/** Which CRLs are in the file of an issuer. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { PublishedCrl } from '../../src/domain/revocation/ports.ts';
import type { ServedCrl } from '../../src/http/status/crl.ts';
import { crlBundles } from '../../src/server/crl-bundle.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { makeHierarchy } from '../support/hierarchy.ts';

async function makeBundles() {
  const h = await makeHierarchy();
  await h.keeper.look();
  const published = new Set(['servers-1']);
  const asked: string[] = [];
  const state = { rootRunsOut: Infinity, refuses: '' };
  const crl = (of: string, nextUpdate: number): ServedCrl => ({
    ...{ number: 1n, sha256: of, size: 1, thisUpdate: h.clock.now(), nextUpdate, body: Buffer.from(of) },
  });
  const bundle = crlBundles({
    clock: h.clock,
    authority: h.authority,
    issuerCrls: () => ({
      view: () =>
        [...published].map((generation) => ({
          ...{ generation, scope: 'full' as const, url: '', problem: undefined },
          crl: { generation, scope: 'full' } as PublishedCrl,
        })),
      serve: (generation, scope) => {
        asked.push(`${generation}/${scope}`);
        if (generation === state.refuses) return Promise.reject(new Error('run out'));
        return Promise.resolve(crl(generation, h.clock.now() + DAY));
      },
    }),
    rootCrl: async (root) => crl(root, Math.min(state.rootRunsOut, h.clock.now() + 90 * DAY)),
  });
  const names = async () => (await bundle('servers'))?.map(({ sha256 }) => sha256);
  return { h, bundle, names, published, asked, state };
}

describe('the file of an issuer', () => {
  test('has the complete CRL of its generation and that of the root', async () => {
    const { names, asked, bundle } = await makeBundles();
    expect(await names()).toEqual(['servers-1', 'internal']);
    expect(asked).toEqual(['servers-1/full']);
    expect(await bundle('nobody')).toBeUndefined();
  });

  test('has every generation that may have living certificates, and the root once', async () => {
    const { h, names, published } = await makeBundles();
    await h.hierarchy.prepare('servers', { principal: 'x', door: 'rest', requestId: 'r' });
    // published a moment later: nothing was issued under it yet
    expect(await names()).toEqual(['servers-1', 'internal']);
    published.add('servers-2');
    expect(await names()).toEqual(['servers-1', 'servers-2', 'internal']);
    await h.hierarchy.activate('servers-2', { principal: 'x', door: 'rest', requestId: 'r' });
    expect(await names()).toEqual(['servers-1', 'servers-2', 'internal']);
    await h.hierarchy.retire('servers-1', { principal: 'x', door: 'rest', requestId: 'r' });
    expect(await names()).toEqual(['servers-2', 'internal']);
  });

  test('is none where one is missing: the CRL of the root, or of a generation', async () => {
    const { h, names, state } = await makeBundles();
    state.refuses = 'servers-1';
    await expect(names()).rejects.toThrow('run out');
    state.refuses = '';
    state.rootRunsOut = h.clock.now() + HOUR;
    expect(await names()).toHaveLength(2);
    h.clock.advance(HOUR);
    const refusal = await refusalOfAsync(names);
    expect([refusal.code, refusal.message]).toEqual([
      'not_ready',
      expect.stringContaining('the root internal'),
    ]);
  });
});
