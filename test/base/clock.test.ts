import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DAY,
  floorToSecond,
  formatDuration,
  formatInstant,
  HOUR,
  MINUTE,
  parseDuration,
  parseInstant,
  SECOND,
} from '../../src/base/clock.ts';

describe('instants', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-01-31T12:34:56Z', Date.UTC(2026, 0, 31, 12, 34, 56)],
    ['2026-01-31T12:34:56.789Z', Date.UTC(2026, 0, 31, 12, 34, 56, 789)],
    ['2026-01-31T14:34:56+02:00', Date.UTC(2026, 0, 31, 12, 34, 56)],
    ['2026-01-31T12:34:56-00:30', Date.UTC(2026, 0, 31, 13, 4, 56)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('%s', (text, instant) => expect(parseInstant(text)).toBe(instant));

  it.each([
    '',
    '2026-01-31',
    '2026-01-31T12:34Z',
    '2026-01-31T12:34:56',
    '2026-01-31 12:34:56Z',
    '2026-02-31T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:60Z',
    '26-01-31T12:34:56Z',
    '+002026-01-31T12:34:56Z',
    '2026-01-31T12:34:56Z ',
    '2026-01-31T12:34:56+25:00',
    'tomorrow',
    '1769862896',
  ])('%j is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it('are printed without fraction and read back to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (instant) => {
        expect(parseInstant(formatInstant(instant))).toBe(floorToSecond(instant));
      }),
    );
  });
});

describe('durations', () => {
  it.each([
    ['90d', 90 * DAY],
    ['12h', 12 * HOUR],
    ['1h30m', HOUR + 30 * MINUTE],
    ['45s', 45 * SECOND],
    ['1d2h3m4s', DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND],
    ['3650d', 3650 * DAY],
  ])('%s', (text, duration) => expect(parseDuration(text)).toBe(duration));

  it.each([
    '',
    '0',
    '0s',
    '0d0h',
    '1',
    'h',
    '-1h',
    '+1h',
    '1.5h',
    '1 h',
    '1H',
    '1w',
    '1ms',
    '1h ',
    '1e3s',
    '999999999d',
    '1h'.repeat(10_000) + 'x',
    '\u0661h',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('whatever can be read, added to now, is a time that can be printed', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), fc.constantFrom('d', 'h', 'm', 's'), (amount, unit) => {
        const duration = parseDuration(`${amount}${unit}`);
        if (duration !== undefined) expect(formatInstant(Date.UTC(2026, 0, 1) + duration)).toMatch(/^\d{4}-/);
      }),
    );
  });

  it('are written in at most two units, and read back', () => {
    expect([0, SECOND, 90 * MINUTE, 7 * DAY, DAY + SECOND, DAY + HOUR + MINUTE].map(formatDuration)).toEqual([
      '0s',
      '1s',
      '1h30m',
      '7d',
      '1d1s',
      '1d1h',
    ]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(SECOND, MINUTE, HOUR, DAY),
        (amount, unit) => {
          const text = formatDuration(amount * unit);
          if (text.match(/[dhms]/g)?.length === 1) expect(parseDuration(text)).toBe(amount * unit);
        },
      ),
    );
  });
});
