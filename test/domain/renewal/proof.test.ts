import { describe, expect, test } from 'vitest';
import { MINUTE, SECOND } from '../../../src/base/clock.ts';
import type { Seen } from '../../../src/domain/renewal/ports.ts';
import { observe, observeBefore } from '../../../src/domain/renewal/proof.ts';
import { sha256, toHex } from '../../../src/x509/bytes.ts';

const T0 = Date.UTC(2026, 5, 1, 12);
const NEW = Uint8Array.of(2);
const OLD = Uint8Array.of(1);
const print = (der: Uint8Array): string => toHex(sha256(der));
const EXPECTED = { fingerprint: print(NEW), before: [print(OLD)] };
const ONE = new Map([['p', 1]]);

const sees = (at: number, ...served: readonly (readonly [string, Uint8Array | undefined])[]): Seen[] =>
  served.map(([address, certificate]) => ({ probe: 'p', address, certificate, fault: undefined, at }));

const before = observeBefore(sees(T0, ['a', OLD], ['b', OLD], ['c', OLD]), [print(OLD)]);
const words = (endpoints: ReturnType<typeof observe>): string[] =>
  endpoints.map(({ address, sighting }) => `${address} ${sighting}`);

describe('what is seen, held against what was seen before', () => {
  test('a fleet that shrinks during a renewal: who left is forgotten, whether the others reloaded or not', () => {
    const seen = observe(before, sees(T0 + SECOND, ['a', NEW], ['b', OLD]), EXPECTED, ONE);
    expect(words(seen)).toEqual(['a new', 'b old']);
    expect(seen.every(({ healthyBefore }) => healthyBefore)).toBe(true);
  });

  test.each([
    ['wrong', Uint8Array.of(9)],
    ['unreachable', undefined],
  ] as const)('while one that stays is %s, who left is missed, since it left', (word, served) => {
    const first = observe(before, sees(T0 + SECOND, ['a', NEW], ['b', served]), EXPECTED, ONE);
    expect(words(first)).toEqual(['a new', `b ${word}`, 'c unreachable']);
    const later = observe(first, sees(T0 + MINUTE, ['a', NEW], ['b', served]), EXPECTED, ONE);
    expect(later[2]).toMatchObject({ healthyBefore: true, since: T0 + SECOND, seenAt: T0 + MINUTE });
    const well = observe(later, sees(T0 + 2 * MINUTE, ['a', NEW], ['b', NEW]), EXPECTED, ONE);
    expect(words(well)).toEqual(['a new', 'b new']);
  });

  test('fewer than are expected: who left is missed', () => {
    const three = observe(before, sees(T0, ['a', NEW], ['b', NEW]), EXPECTED, new Map([['p', 3]]));
    expect(words(three)).toEqual(['a new', 'b new', 'c unreachable']);
    const two = observe(before, sees(T0, ['a', NEW], ['b', NEW]), EXPECTED, new Map([['p', 2]]));
    expect(words(two)).toEqual(['a new', 'b new']);
  });

  test('a name without any address: everybody is unreachable', () => {
    const seen = observe(before, sees(T0, ['name:443', undefined]), EXPECTED, ONE);
    expect(words(seen)).toEqual(['name:443 unreachable', 'a unreachable', 'b unreachable', 'c unreachable']);
  });

  test('another probe finds enough: that says nothing of this one', () => {
    const other = sees(T0, ['d', NEW]).map((sight) => ({ ...sight, probe: 'q' }));
    const seen = observe(
      before,
      [...sees(T0, ['p', undefined]), ...other],
      EXPECTED,
      new Map([...ONE, ['q', 1]]),
    );
    expect(words(seen)).toEqual([
      'p unreachable',
      'd new',
      'a unreachable',
      'b unreachable',
      'c unreachable',
    ]);
  });

  test('what a probe saw that was taken out of the wish is forgotten', () => {
    const other = sees(T0, ['d', NEW]).map((sight) => ({ ...sight, probe: 'q' }));
    expect(words(observe(before, other, EXPECTED, new Map([['q', 1]])))).toEqual(['d new']);
  });
});
