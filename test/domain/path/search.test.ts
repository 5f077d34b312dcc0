/** The search for a path: it finds what is there, and ends early where nothing is. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY } from '../../../src/base/clock.ts';
import { isChanceryError } from '../../../src/base/errors.ts';
import type { PathResult } from '../../../src/domain/path/result.ts';
import { LIMITS, validateCertificationPath } from '../../../src/domain/path/search.ts';
import { basicConstraints } from '../../../src/x509/extensions.ts';
import { nameConstraints } from '../../../src/x509/name-constraints.ts';
import { encodeGeneralName } from '../../../src/x509/general-name.ts';
import { commonName, encodeName } from '../../../src/x509/name.ts';
import { dns, makeCa, makeLeaf, NOW, type Party } from '../../support/chains.ts';

let root: Party;
beforeAll(async () => {
  root = await makeCa('root');
});

const NAMES = dns('api.example.test');
const judge = (leaf: Party, untrusted: readonly Party[], anchors: readonly Party[] = [root]): PathResult =>
  validateCertificationPath({
    leaf: leaf.der,
    untrusted: untrusted.map(({ der }) => der),
    anchors: anchors.map(({ der }) => der),
    at: NOW,
  });

function timed(action: () => PathResult): { result: PathResult; ms: number } {
  const before = performance.now();
  const result = action();
  return { result, ms: performance.now() - before };
}

/** A row of CAs, each certified by the one before. */
async function row(
  length: number,
  first: Party | undefined,
  name: (i: number) => string,
  keyOwner: (i: number) => string,
): Promise<Party[]> {
  const made: Party[] = [];
  for (let i = 0; i < length; i++)
    made.push(
      await makeCa(name(i), made.at(-1) ?? first, {
        keyOwner: keyOwner(i),
        serial: Buffer.from([1, i >> 8, i & 0xff]),
      }),
    );
  return made;
}

describe('of several paths', () => {
  test('the one that holds is found behind one that has expired (the AddTrust case)', async () => {
    const expired = await makeCa('issuer', root, { notAfter: NOW - DAY });
    const renewed = await makeCa('issuer', root, { serial: Buffer.from([9]) });
    const leaf = await makeLeaf('leaf', renewed, NAMES);
    for (const order of [
      [expired, renewed],
      [renewed, expired],
    ])
      expect(judge(leaf, order).valid).toBe(true);
  });

  test('the one that holds is found behind one whose constraints forbid the name', async () => {
    const forbid = {
      nameConstraints: nameConstraints([], [encodeGeneralName({ kind: 'dns', value: 'example.test' })]),
    };
    const strict = await makeCa('issuer', root, { extensions: forbid });
    const free = await makeCa('issuer', root, { serial: Buffer.from([9]) });
    const leaf = await makeLeaf('leaf', free, NAMES);
    for (const order of [
      [strict, free],
      [free, strict],
    ])
      expect(judge(leaf, order).valid).toBe(true);
    expect(judge(leaf, [strict])).toMatchObject({ valid: false, code: 'name_constraints' });
  });

  test('a cross-signed root ends at whichever anchor is trusted', async () => {
    const other = await makeCa('other root');
    const crossed = await makeCa('root', other, { keyOwner: 'root' });
    const leaf = await makeLeaf('leaf', root, NAMES);
    expect(judge(leaf, [crossed], [root]).chain).toHaveLength(2);
    expect(judge(leaf, [crossed], [other]).chain).toHaveLength(3);
  });

  test('the failure of the one that reached an anchor is told, with the certificate at fault', async () => {
    const expired = await makeCa('issuer', root, { notAfter: NOW - DAY });
    const leaf = await makeLeaf('leaf', expired, NAMES);
    const stranger = await makeCa('issuer', undefined, { keyOwner: 'stranger' });
    const result = judge(leaf, [stranger, expired]);
    expect(result).toMatchObject({ valid: false, code: 'expired', rule: 'RFC 5280 6.1.3 (a)(2)' });
    expect(result.valid ? undefined : result.certificate?.raw).toEqual(expired.der);
    expect(result.chain).toHaveLength(3);
  });
});

describe('a search that leads nowhere ends', () => {
  test('in a circle of CAs that sign each other', async () => {
    const a = await makeCa('a', root);
    const b = await makeCa('b', a);
    const circle = [await makeCa('a', b, { keyOwner: 'a' }), b];
    const leaf = await makeLeaf('leaf', b, NAMES);
    expect(judge(leaf, circle)).toMatchObject({ valid: false, code: 'no_path' });
    expect(judge(leaf, [...circle, a]).valid).toBe(true);
  });

  test('at a chain that is too deep, and takes one that is just not', async () => {
    const deep = await row(
      LIMITS.intermediates + 1,
      root,
      (i) => `ca ${i}`,
      () => 'deep',
    );
    const at = (i: number): Party => deep[i] ?? root;
    const fits = await makeLeaf('leaf', at(LIMITS.intermediates - 1), NAMES);
    expect(judge(fits, deep).valid).toBe(true);
    const bomb = await makeLeaf('leaf', at(LIMITS.intermediates), NAMES);
    expect(judge(bomb, deep)).toMatchObject({ valid: false, code: 'path_too_long' });
  });

  const crowds: readonly [string, (i: number) => string, (i: number) => string][] = [
    ['of one name and one key', () => 'crowd', () => 'crowd'],
    ['of one name and many keys', () => 'crowd', (i) => `crowd ${i % 50}`],
    ['of many names and one key', (i) => `crowd ${i}`, () => 'crowd'],
  ];
  test.each(crowds)('among 1,000 intermediates %s, within a second', async (_sentence, name, owner) => {
    const crowd = await row(1000, undefined, name, owner);
    const leaf = await makeLeaf('leaf', crowd.at(-1) ?? root, NAMES);
    const { result, ms } = timed(() => judge(leaf, crowd));
    expect(result.valid).toBe(false);
    expect(ms).toBeLessThan(1000);
  });

  test('among 1,000 intermediates that belong to others it still finds its own', async () => {
    const crowd = await row(
      999,
      undefined,
      (i) => `crowd ${i}`,
      () => 'crowd',
    );
    const issuer = await makeCa('issuer', root);
    const leaf = await makeLeaf('leaf', issuer, NAMES);
    expect(judge(leaf, [...crowd, issuer]).valid).toBe(true);
  });
});

describe('nothing that was not signed passes', () => {
  test('no flipped bit in leaf or intermediate', async () => {
    const issuer = await makeCa('issuer', root, {
      extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) },
    });
    const leaf = await makeLeaf('leaf', issuer, NAMES);
    const flip = (der: Uint8Array, bit: number): Buffer => {
      const out = Buffer.from(der);
      const octet = (bit >> 3) % out.length;
      out[octet] = (out[octet] ?? 0) ^ (1 << (bit & 7));
      return out;
    };
    fc.assert(
      fc.property(fc.boolean(), fc.nat(), (ofLeaf, bit) => {
        const spoiled = { ...(ofLeaf ? leaf : issuer), der: flip(ofLeaf ? leaf.der : issuer.der, bit) };
        try {
          expect(judge(ofLeaf ? spoiled : leaf, [ofLeaf ? issuer : spoiled]).valid).toBe(false);
        } catch (error) {
          if (!isChanceryError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('names match as RFC 5280 7.1 compares them, and no further', async () => {
    const issuer = await makeCa('Issuing  CA', root);
    const under = async (name: string) =>
      judge(await makeLeaf('leaf', issuer, NAMES, { issuer: encodeName([commonName(name)]) }), [issuer])
        .valid;
    expect(await under('issuing ca')).toBe(true);
    expect(await under(' ISSUING CA ')).toBe(true);
    expect(await under('issuingca')).toBe(false);
    expect(await under('Issuing CA 2')).toBe(false);
  });
});
