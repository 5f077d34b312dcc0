/** A fleet that was made in one hour, or replaced in one, does not renew in one. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, type Instant } from '../../../src/base/clock.ts';
import { isFirst, renewalDue } from '../../../src/domain/renewal/due.ts';
import { SeededRandom } from '../../fakes/random.ts';

const T0: Instant = Date.UTC(2026, 5, 1, 12);
const FLEET = 10_000;
const LIVES = 8;
const RULE = { fraction: undefined, quiet: [] };

/** Orders per bucket of each life after the first one, peak over mean. */
function peakOverMean(life: number, reason: string, bucket: number): number[] {
  const random = new SeededRandom(`herd ${reason} ${life}`);
  const drawn = (): number => Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;
  const perLife = Math.floor(life / bucket);
  const orders = new Float64Array(perLife * LIVES);
  for (let n = 0; n < FLEET; n += 1) {
    let notBefore = T0 + (n * HOUR) / FLEET;
    let why = reason;
    for (;;) {
      const certificate = { notBefore, notAfter: notBefore + life, draw: drawn(), window: null };
      notBefore = renewalDue({ certificate, rule: RULE, first: isFirst({ reason: why }) });
      why = 'due';
      const at = Math.floor((notBefore - T0) / bucket);
      if (at >= orders.length) break;
      orders[at] = (orders[at] ?? 0) + 1;
    }
  }
  return Array.from({ length: LIVES - 1 }, (_, index) => {
    const lived = orders.subarray((index + 1) * perLife, (index + 2) * perLife);
    return Math.max(...lived) / (lived.reduce((sum, count) => sum + count, 0) / lived.length);
  });
}

describe('10,000 certificates made within one hour', () => {
  test.each([
    ['first', 24 * HOUR, HOUR],
    ['issuer', 24 * HOUR, HOUR],
    ['revoked', 24 * HOUR, HOUR],
    ['first', 7 * DAY, 6 * HOUR],
    ['first', 90 * DAY, DAY],
  ] as const)(
    'made for %s, lives of %i ms: the peak is at most 1.5 times the mean',
    (reason, life, bucket) => {
      const ratios = peakOverMean(life, reason, bucket);
      for (const ratio of ratios) expect(ratio).toBeLessThanOrEqual(1.5);
    },
  );
});
