import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../src/base/clock.ts';
import { AnonymousRefusals, refusalsDraft } from '../../../src/domain/audit/aggregate.ts';
import { NOON } from './audit-fixtures.ts';

const refuse = (refusals: AnonymousRefusals, count: number, now = NOON, from = 0): void => {
  for (let n = from; n < from + count; n++)
    refusals.add(
      {
        code: n % 4 === 0 ? 'credential_rejected' : 'unauthenticated',
        door: 'rest',
        address: `192.0.2.${n % 200}`,
      },
      now,
    );
};

describe('refusals of unknown callers', () => {
  it('become one entry for each window, however many there were', () => {
    const refusals = new AnonymousRefusals();
    refuse(refusals, 10_000);
    expect(refusals.take(NOON + MINUTE - 1)).toBeUndefined();
    const window = refusals.take(NOON + MINUTE);
    expect(window && refusalsDraft(window, NOON + MINUTE)).toMatchObject({
      event: 'requests.refused.anonymous',
      outcome: 'refused',
      principal: 'anonymous',
      details: {
        from: '2026-06-01T12:00:00Z',
        total: 10_000,
        reasons: { credential_rejected: 2500, unauthenticated: 7500 },
        doors: { rest: 10_000 },
        addresses: ['192.0.2.0', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
      },
    });
    expect(refusals.take(NOON + 2 * MINUTE)).toBeUndefined();
  });

  it('open a window with the first one', () => {
    const refusals = new AnonymousRefusals();
    refuse(refusals, 1, NOON);
    refuse(refusals, 1, NOON + MINUTE / 2);
    expect(refusals.take(NOON + MINUTE)?.total).toBe(2);
    refuse(refusals, 1, NOON + 5 * MINUTE);
    expect(refusals.take(NOON + 5 * MINUTE + 1)).toBeUndefined();
    expect(refusals.take(NOON + 6 * MINUTE)).toMatchObject({ from: NOON + 5 * MINUTE, total: 1 });
  });

  it('are not held back for ever by a clock that went back', () => {
    const refusals = new AnonymousRefusals();
    refuse(refusals, 1);
    expect(refusals.take(NOON - 1)?.total).toBe(1);
  });

  it('are given out early at the shutdown', () => {
    const refusals = new AnonymousRefusals();
    refuse(refusals, 3);
    expect(refusals.take(NOON, true)?.total).toBe(3);
  });

  it('are counted again when their entry could not be written', () => {
    const refusals = new AnonymousRefusals();
    refuse(refusals, 4);
    const window = refusals.take(NOON + MINUTE);
    refuse(refusals, 6, NOON + MINUTE, 4);
    if (window !== undefined) refusals.giveBack(window);
    const again = refusals.take(NOON + MINUTE);
    expect(again).toMatchObject({ from: NOON, total: 10 });
    expect(again?.reasons).toEqual(
      new Map([
        ['credential_rejected', 3],
        ['unauthenticated', 7],
      ]),
    );
    expect(again?.addresses).toHaveLength(5);
  });

  it('keep an address short and do without one', () => {
    const refusals = new AnonymousRefusals();
    refusals.add({ code: 'unauthenticated', door: 'rest', address: 'x'.repeat(10_000) }, NOON);
    refusals.add({ code: 'unauthenticated', door: 'rest' }, NOON);
    const window = refusals.take(NOON, true);
    expect(window?.total).toBe(2);
    expect(window?.addresses.map(({ length }) => length)).toEqual([64]);
  });
});
