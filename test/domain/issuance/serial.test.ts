import { describe, expect, it } from 'vitest';
import { newSerial } from '../../../src/domain/issuance/serial.ts';
import { SeededRandom } from '../../fakes/random.ts';

const COUNT = 1_000_000;

describe('EJBCA 2019 (63-bit serials): a million serial numbers', () => {
  it('are 16 octets that begin with the bits 01, all different, and every other bit is even', () => {
    const random = new SeededRandom('serials');
    const ones = new Uint32Array(128);
    const seen = new Set<bigint>();
    let misshapen = 0;
    for (let i = 0; i < COUNT; i++) {
      const serial = newSerial(random);
      if (serial.length !== 16 || (serial[0] ?? 0) >> 6 !== 0b01) misshapen++;
      const view = new DataView(serial.buffer, serial.byteOffset);
      seen.add((view.getBigUint64(0) << 64n) | view.getBigUint64(8));
      for (let word = 0; word < 4; word++) {
        const bits = view.getUint32(word * 4);
        for (let bit = 0; bit < 32; bit++) ones[word * 32 + bit]! += (bits >>> (31 - bit)) & 1;
      }
    }
    expect(misshapen).toBe(0);
    expect(seen.size).toBe(COUNT);
    expect([ones[0], ones[1]]).toEqual([0, COUNT]);
    // sum over 126 bits of ((ones - n/2)² + (zeros - n/2)²) / (n/2); the 99.9 % quantile with 126 degrees is 179.6
    const chiSquare = [...ones.subarray(2)].reduce(
      (sum, count) => sum + (2 * (count - COUNT / 2) ** 2) / (COUNT / 2),
      0,
    );
    expect(chiSquare).toBeLessThan(179.6);
    expect(chiSquare).toBeGreaterThan(80); // too even is not random either (0.1 % quantile: 82)
  });
});
