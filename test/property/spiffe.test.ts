import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spiffeIdFault } from '../../src/domain/identity/spiffe-id.ts';
import { RUNS } from './runs.ts';

/** The grammar of SPIFFE-ID 2 once more, as one expression. */
const GRAMMAR = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;
const isId = (text: string): boolean => text.length <= 2048 && GRAMMAR.test(text) && !text.endsWith('\n');

const piece = fc.constantFrom(
  'spiffe://',
  'spiffe:',
  '/',
  '//',
  '.',
  '..',
  'a',
  'A',
  'example.test',
  '_',
  '-',
  '%2e',
  ':1',
  '@',
  '?',
  '#',
  '*',
  '\0',
  '\n',
  'ü',
  ' ',
);

describe('SPIFFE IDs', () => {
  it('are those of the grammar, whatever they are put together from', () => {
    let good = 0;
    fc.assert(
      fc.property(fc.boolean(), fc.array(piece, { maxLength: 8 }), (prefixed, parts) => {
        const text = `${prefixed ? 'spiffe://example.test/' : ''}${parts.join('')}`;
        if (isId(text)) good++;
        expect(spiffeIdFault(text) === undefined).toBe(isId(text));
      }),
      { numRuns: RUNS * 10 },
    );
    expect(good).toBeGreaterThan(RUNS / 50);
  });

  it('are counted in octets up to 2048', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2000, max: 2100 }), (length) => {
        const text = `spiffe://example.test/${'a'.repeat(length - 22)}`;
        expect(spiffeIdFault(text) === undefined).toBe(length <= 2048);
      }),
    );
  });
});
