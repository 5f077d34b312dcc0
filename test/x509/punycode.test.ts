import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePunycode } from '../../src/x509/punycode.ts';

describe('RFC 3492', () => {
  it.each([
    // samples of RFC 3492 7.1
    ['ihqwcrb4cv8a8dqg056pqjye', '他们为什么不说中文'],
    ['proprostnemluvesky-uyb24dma41a', 'pročprostěnemluvíčesky'],
    ['porqunopuedensimplementehablarenespaol-fmd56a', 'porquénopuedensimplementehablarenespañol'],
    ['d9juau41awczczp', 'そのスピードで'],
    ['mnchen-3ya', 'münchen'],
    ['bcher-kva', 'bücher'],
    ['nxasmq6b', 'βόλοσ'],
  ])('%s is read', (text, label) => {
    expect(decodePunycode(text)).toBe(label);
  });

  it.each([
    ['nothing', ''],
    ['only ASCII', 'abc-'],
    ['a dash alone', '-'],
    ['a dash in front', '-kva'],
    ['a number that is cut off', 'mnchen-3y'],
    ['a character that is no digit', 'mnchen-3Ya'],
    ['a code point beyond the last', '99999999'],
    ['a number without end', 'z'.repeat(60)],
  ])('%s is refused', (_what, text) => {
    expect(decodePunycode(text)).toBeUndefined();
  });

  it('property: what another encoder writes is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abcxyz019éüßλ水金中本日') }), (label) => {
        const ascii = domainToASCII(label);
        fc.pre(ascii.startsWith('xn--') && !ascii.includes('.'));
        expect(decodePunycode(ascii.slice(4))).toBe(label);
      }),
    );
  });
});
