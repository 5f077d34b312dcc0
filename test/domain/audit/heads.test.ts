import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../src/base/clock.ts';
import { nextHead, PreparedHead, verifyHead } from '../../../src/domain/audit/heads.ts';
import { generateKeyPair, KEY_ALGORITHMS } from '../../../src/x509/key-pair.ts';
import { headSigner } from '../../fakes/audit-log.ts';
import { AUDIT_KEY, makeLog, NOON, SIGNER } from './audit-fixtures.ts';

const END = { sequence: 5, hash: 'ab'.repeat(32) };
const HEAD = SIGNER.sign(PreparedHead.of(END, undefined, NOON));

describe('the next head', () => {
  it.each([
    ['is not due for an empty log', undefined, undefined, NOON, false],
    ['is due for a log without any', END, undefined, NOON, true],
    ['is not due when nothing came after the last one', END, HEAD, NOON + 60 * MINUTE, false],
    ['is not due before the interval has passed', { ...END, sequence: 6 }, HEAD, NOON + MINUTE - 1, false],
    ['is due when it has', { ...END, sequence: 6 }, HEAD, NOON + MINUTE, true],
    ['is due when the clock went back', { ...END, sequence: 6 }, HEAD, NOON - 1, true],
  ])('%s', (_, end, last, now, due) => {
    const prepared = nextHead(end, last, now, MINUTE);
    expect(prepared === undefined).toBe(!due);
    if (prepared !== undefined) expect(prepared).toMatchObject({ ...end, time: now });
  });

  it('is refused when the log became shorter than what a head vouches for', () => {
    expect(() => nextHead({ ...END, sequence: 4 }, HEAD, NOON + MINUTE, MINUTE)).toThrow(
      /the log ends at entry 4, but the head of 2026-06-01T12:00:00Z vouches for entry 5/,
    );
  });

  it('is refused when a head vouches for another past', () => {
    expect(() => PreparedHead.of({ ...END, hash: 'cd'.repeat(32) }, HEAD, NOON)).toThrow(/with another hash/);
  });

  it.each([
    { sequence: 0, hash: END.hash },
    { sequence: 1.5, hash: END.hash },
    { sequence: 5, hash: 'AB'.repeat(32) },
    { sequence: 5, hash: '' },
  ])('is refused for %j, which no chain ends with', (end) => {
    expect(() => PreparedHead.of(end, undefined, NOON)).toThrow(/no end of a chain/);
  });
});

describe('a prepared head', () => {
  it('is redeemed once', () => {
    const prepared = PreparedHead.of(END, undefined, NOON);
    prepared.redeem(SIGNER.keyId);
    expect(() => prepared.redeem(SIGNER.keyId)).toThrow(/twice/);
  });
});

describe('a signed head', () => {
  it.each(KEY_ALGORITHMS.filter((algorithm) => algorithm !== 'rsa-3072' && algorithm !== 'rsa-4096'))(
    'is verified with a key of the type %s',
    async (algorithm) => {
      const pair = await generateKeyPair(algorithm);
      const head = headSigner(pair).sign(PreparedHead.of(END, undefined, NOON));
      expect(verifyHead(head, pair.publicKey)).toBe(true);
      expect(verifyHead(head, AUDIT_KEY.publicKey)).toBe(false);
    },
  );

  it.each([
    ['sequence', { sequence: 6 }],
    ['hash', { hash: 'cd'.repeat(32) }],
    ['time', { time: NOON + 1000 }],
    ['key', { keyId: '00'.repeat(32) }],
    ['signature', { signature: `A${HEAD.signature.slice(1)}` }],
    ['signature that is no base64', { signature: `${HEAD.signature} ` }],
    ['signature that is left out', { signature: '' }],
  ])('is no longer good with another %s', (_, change) => {
    expect(verifyHead(HEAD, AUDIT_KEY.publicKey)).toBe(true);
    expect(verifyHead({ ...HEAD, ...change }, AUDIT_KEY.publicKey)).toBe(false);
  });

  it('keeps its time through the export, which has whole seconds', () => {
    const log = makeLog(1);
    const head = log.seal(SIGNER, NOON + 999);
    expect(verifyHead({ ...head, time: NOON }, AUDIT_KEY.publicKey)).toBe(true);
  });
});
