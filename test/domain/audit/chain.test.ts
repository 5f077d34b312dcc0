import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/domain/audit/canonical.ts';
import { EMPTY_CHAIN, link } from '../../../src/domain/audit/chain.ts';
import type { Json } from '../../../src/domain/audit/entry.ts';
import { draft, makeLog } from './audit-fixtures.ts';

describe('the canonical form', () => {
  it('has keys in code unit order and no white space', () => {
    expect(canonicalJson({ b: [1, { z: null, a: true }], a: 'x y', B: 0.5, '10': '', '9': [] })).toBe(
      '{"10":"","9":[],"B":0.5,"a":"x y","b":[1,{"a":true,"z":null}]}',
    );
  });

  it('reads back as the same value, and is the same whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const text = canonicalJson(value as Json);
        expect(text).not.toMatch(/[\n\r]/);
        expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      }),
    );
    expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
  });
});

describe('the chain', () => {
  it('can be followed with SHA-256 alone', () => {
    let previous = '0'.repeat(64);
    for (const { body, hash, sequence } of makeLog(20).entries(1, 20)) {
      expect(hash).toBe(createHash('sha256').update(`${previous}\n${body}`).digest('hex'));
      expect(JSON.parse(body)).toMatchObject({ sequence });
      previous = hash;
    }
  });

  it('writes times in whole seconds of UTC', () => {
    expect(link(EMPTY_CHAIN, { ...draft(0), time: Date.UTC(2026, 0, 31) + 1 }).body).toContain(
      '"time":"2026-01-31T00:00:00Z"',
    );
  });
});
