import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { issued, makePipeline, type Pipeline } from '../../support/pipeline.ts';

/** notBefore and notAfter of a new certificate, relative to the whole second of now. */
async function relative(pipeline: Pipeline, ttl?: number) {
  const { notBefore, notAfter } = readCertificate(issued(await pipeline.issue({ ttl })).der);
  const start = Math.floor(pipeline.clock.now() / 1000) * 1000;
  return { before: start - notBefore, after: notAfter - start + SECOND };
}

describe('validity', () => {
  it('begins five minutes ago: where a clock lags, no leaf is not yet valid', async () => {
    expect((await relative(await makePipeline())).before).toBe(5 * MINUTE);
  });

  it('counts the life from now, its last second included: nobody loses the backdate', async () => {
    const pipeline = await makePipeline();
    expect((await relative(pipeline)).after).toBe(HOUR);
    expect((await relative(pipeline, 90 * SECOND)).after).toBe(90 * SECOND);
  });

  it('at the profile’s limit the whole life, backdate included, stays within it', async () => {
    const { before, after } = await relative(await makePipeline(), DAY);
    expect(before + after).toBe(DAY);
    const just = await relative(await makePipeline(), DAY - 5 * MINUTE);
    expect(just).toEqual({ before: 5 * MINUTE, after: DAY - 5 * MINUTE });
  });

  it('has no fraction of a second, whenever it is asked for', async () => {
    const pipeline = await makePipeline();
    for (const offset of [0, 1, 499, 500, 999]) {
      pipeline.clock.set(Date.UTC(2026, 5, 1, 12, 0, 0, offset));
      expect(await relative(pipeline, MINUTE)).toEqual({ before: 5 * MINUTE, after: MINUTE });
    }
  });

  it('does not begin before the issuer’s own', async () => {
    const pipeline = await makePipeline();
    pipeline.clock.advance(-58 * MINUTE); // the issuer is two minutes old
    expect((await relative(pipeline)).before).toBe(2 * MINUTE);
  });

  it('never ends after the issuer’s own: refused, not shortened', async () => {
    const pipeline = await makePipeline({ issuerLife: 3 * HOUR }); // an hour of it is over
    expect((await relative(pipeline, 2 * HOUR)).after).toBe(2 * HOUR);
    const refusal = await refusalOfAsync(() => pipeline.issue({ ttl: 2 * HOUR + SECOND }));
    expect(refusal.code).toBe('issuer_expires_too_soon');
    expect(pipeline.journal.filter((entry) => entry === 'signed')).toHaveLength(1);
  });

  it('is at least ten seconds', async () => {
    const pipeline = await makePipeline();
    expect((await relative(pipeline, 10 * SECOND)).after).toBe(10 * SECOND);
    expect((await refusalOfAsync(() => pipeline.issue({ ttl: 9 * SECOND }))).code).toBe('profile_violation');
  });

  it.each([
    ['workload', HOUR, DAY],
    ['server', 7 * DAY, 90 * DAY],
    ['client', 12 * HOUR, 30 * DAY],
  ] as const)('of the profile %s is %d ms by default and at most %d ms', async (name, byDefault, most) => {
    expect(DEFAULT_PROFILES[name]).toMatchObject({ defaultTtl: byDefault, maxTtl: most });
    const pipeline = await makePipeline();
    const names = parseNames(
      name === 'workload' ? { uri: ['spiffe://example.test/app'] } : { dns: ['a.example.test'] },
    );
    const { notBefore, notAfter } = issued(await pipeline.issue({ profile: name, names, ttl: most }));
    expect(notAfter - notBefore + SECOND).toBe(most);
    const refusal = await refusalOfAsync(() => pipeline.issue({ profile: name, names, ttl: most + SECOND }));
    expect(refusal.code).toBe('profile_violation');
  });

  it('a clock before the issuer’s birth signs nothing', async () => {
    const pipeline = await makePipeline();
    pipeline.clock.advance(-2 * HOUR);
    expect((await refusalOfAsync(() => pipeline.issue({}))).code).toBe('lint_failed');
  });
});
