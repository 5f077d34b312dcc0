import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePem, decodePemOne, encodePem } from '../../src/x509/pem.ts';
import { RUNS } from '../property/runs.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { refusalOf } from '../support/errors.ts';

const der = Buffer.from('3003020105', 'hex');
const pem = encodePem('CERTIFICATE', der);

describe('PEM', () => {
  it('is read back, with text around and between the blocks, and any line ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        (parts, end) => {
          const text = parts
            .map((part, i) => `subject=/CN=${i}\n${encodePem('CERTIFICATE', part)}`)
            .join('\n')
            .replaceAll('\n', end);
          expect(decodePem(text)).toEqual(
            parts.map((part) => ({ label: 'CERTIFICATE', der: Buffer.from(part) })),
          );
        },
      ),
      { numRuns: RUNS / 4 },
    );
  });

  it('has lines of 64 characters', () => {
    const lines = encodePem('X', Buffer.alloc(100, 1)).trimEnd().split('\n').slice(1, -1);
    expect(lines.map(({ length }) => length)).toEqual([64, 64, 8]);
  });

  it('the first block with one of the labels is taken', () => {
    const text = `${encodePem('EC PARAMETERS', Buffer.from([5, 0]))}${pem}`;
    expect(Buffer.from(decodePemOne(text, 'CERTIFICATE'))).toEqual(der);
    expect(refusalOf(() => decodePemOne(text, 'CERTIFICATE REQUEST')).message).toContain(
      '"EC PARAMETERS", "CERTIFICATE"',
    );
    expect(refusalOf(() => decodePemOne('nothing', 'CERTIFICATE')).message).toContain('no PEM block');
  });

  it.each([
    ['no END', '-----BEGIN CERTIFICATE-----\nMAMCAQU=\n'],
    ['another END', '-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERT-----\n'],
    ['no base64', '-----BEGIN CERTIFICATE-----\nM*MCAQU=\n-----END CERTIFICATE-----\n'],
    ['a wrong length', '-----BEGIN CERTIFICATE-----\nMAMCAQ\n-----END CERTIFICATE-----\n'],
    ['padding inside', '-----BEGIN CERTIFICATE-----\nMA==MCAQU=\n-----END CERTIFICATE-----\n'],
    ['nothing inside', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    [
      'headers',
      '-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nMAMCAQU=\n-----END CERTIFICATE-----\n',
    ],
    ['an empty label', '-----BEGIN -----\nMAMCAQU=\n-----END -----\n'],
    ['a label in lower case', '-----BEGIN certificate-----\nMAMCAQU=\n-----END certificate-----\n'],
    ['a label over two lines', '-----BEGIN CERTI\nFICATE-----\nMAMCAQU=\n-----END CERTI\nFICATE-----\n'],
    ['no end of the label', '-----BEGIN CERTIFICATE'],
    ['a block in a block', `-----BEGIN CERTIFICATE-----\n${pem}-----END CERTIFICATE-----\n`],
    ['base64url', '-----BEGIN CERTIFICATE-----\nMA-_AQU=\n-----END CERTIFICATE-----\n'],
  ])('with %s is refused', (_what, text) => {
    const refusal = refusalOf(() => decodePem(text));
    expect(refusal.code).toBe('malformed_pem');
    expect(refusal.detail.fix).toBeTruthy();
  });

  it('a refusal never quotes the body: it may be a private key', () => {
    const secret = 'c2VjcmV0*';
    expect(
      JSON.stringify(
        refusalOf(() => decodePem(`-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`))
          .detail,
      ),
    ).not.toContain('c2Vj');
  });
});

describe('CVE-2024-12401 (cert-manager): PEM that takes long to read', () => {
  const MIB = 1 << 20;
  it.each([
    ['a million dashes', '-'.repeat(MIB)],
    ['BEGIN after BEGIN', '-----BEGIN '.repeat(MIB / 11)],
    ['labels without END', '-----BEGIN A-----'.repeat(MIB / 17)],
    ['a label of a MiB', `-----BEGIN ${'A'.repeat(MIB)}-----`],
    ['END after END', `-----BEGIN A-----\n${'-----END B-----\n'.repeat(MIB / 16)}`],
    ['white space', `-----BEGIN A-----\n${' \n'.repeat(MIB / 2)}-----END A-----\n`],
    ['white space in base64', `-----BEGIN A-----\n${'A \n'.repeat(MIB / 3)}=-----END A-----\n`],
    ['equals signs', `-----BEGIN A-----\n${'='.repeat(MIB)}\n-----END A-----\n`],
    ['many blocks', encodePem('A', Buffer.from([5])).repeat(MIB / 40)],
  ])('%s', (_what, text) => {
    const read = (): void => {
      try {
        decodePem(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'malformed_pem' });
      }
    };
    expect(cpuTime(read)).toBeLessThan(100);
  });
});
