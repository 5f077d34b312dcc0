import { checkPrimeSync, generatePrimeSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { weaknessOf } from '../../../src/domain/issuance/key-strength.ts';
import { NULL, oid, sequence, unsignedInteger } from '../../../src/x509/der.ts';
import { bitString } from '../../../src/x509/der-bits.ts';
import { OID } from '../../../src/x509/oids.ts';
import { type PublicKey, readPublicKey } from '../../../src/x509/public-key.ts';
import { cpuTime } from '../../support/cpu-time.ts';
import { refusalOf, refusalOfAsync } from '../../support/errors.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../../support/keys.ts';
import { issued, makePipeline } from '../../support/pipeline.ts';

const octets = (n: bigint): Buffer => {
  const hex = n.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
};
const rsaKey = (modulus: bigint, exponent = 65537n): PublicKey =>
  readPublicKey(
    sequence(
      sequence(oid(OID.rsaEncryption), NULL),
      bitString(sequence(unsignedInteger(octets(modulus)), unsignedInteger(octets(exponent)))),
    ),
  );
const ed25519Key = (point: Buffer): PublicKey =>
  readPublicKey(sequence(sequence(oid(OID.ed25519)), bitString(point)));

const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true });
const isPrime = (n: bigint): boolean => checkPrimeSync(n, { checks: 5 });
const nextPrime = (from: bigint): bigint => {
  let n = from | 1n;
  while (!isPrime(n)) n += 2n;
  return n;
};

function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus)
    if (e & 1n) result = (result * b) % modulus;
  return result;
}

/** A prime of the form k·M + (65537^a mod M), M a product of the first 126 primes, as the flawed generator made them. */
function rocaPrime(): bigint {
  const primes: bigint[] = [];
  for (let n = 2n; primes.length < 126; n++)
    if (primes.every((smaller) => n % smaller !== 0n)) primes.push(n);
  const m = primes.reduce((product, factor) => product * factor, 1n);
  for (;;) {
    const start = prime(1024);
    const candidate = start - (start % m) + powMod(65537n, prime(62), m);
    if (isPrime(candidate)) return candidate;
  }
}

const p = prime(1024);
const q = prime(1024);

describe('Boulder’s goodkey: weak RSA keys are found', () => {
  it('a sound key passes', () => {
    expect(weaknessOf(rsaKey(p * q))).toBeUndefined();
  });

  it('Fermat: factors that are close', () => {
    expect(weaknessOf(rsaKey(p * nextPrime(p + 2n)))).toContain('Fermat');
    // further apart than a few primes, still within reach of a hundred rounds
    expect(weaknessOf(rsaKey(p * nextPrime(p + (1n << 513n))))).toContain('Fermat');
  });

  it('factors that differ early are no Fermat case', () => {
    expect(weaknessOf(rsaKey(p * nextPrime(p + (1n << 600n))))).toBeUndefined();
  });

  it('ROCA (CVE-2017-15361)', () => {
    expect(weaknessOf(rsaKey(rocaPrime() * rocaPrime()))).toContain('ROCA');
  });

  it.each([3n, 5n, 17n, 257n, 65535n])('the exponent %d is too small', (exponent) => {
    expect(weaknessOf(rsaKey(p * q, exponent))).toContain('exponent');
  });

  it('an even exponent', () => {
    expect(weaknessOf(rsaKey(p * q, 65538n))).toContain('exponent');
  });

  it.each([2n, 3n, 5n, 7n, 487n, 751n])('a modulus with the factor %d', (factor) => {
    // the multiple of the factor next to a sound modulus
    const modulus = p * q;
    expect(weaknessOf(rsaKey(modulus - (modulus % factor)))).toContain('divisible by');
  });

  it.each([2047, 2049, 2052])('a modulus of %d bits', (bits) => {
    const key = () => rsaKey(oddBits(bits));
    if (bits < 2048) expect(refusalOf(key).code).toBe('weak_key');
    else expect(weaknessOf(key())).toContain(`${bits} bits`);
  });

  it.each([1024, 4104])('a modulus of %d bits is not even read', (bits) => {
    expect(refusalOf(() => rsaKey(oddBits(bits))).code).toBe('weak_key');
  });

  it('takes a few milliseconds for 4096 bits', () => {
    const key = rsaKey((prime(1024) * prime(1024) * prime(1024) * prime(1024)) | (1n << 4095n) | 1n);
    expect(cpuTime(() => weaknessOf(key))).toBeLessThan(20);
  });
});

const oddBits = (bits: number): bigint => (1n << BigInt(bits - 1)) + 1n;

describe('EC keys', () => {
  const point = (x: Buffer, y: Buffer): Buffer =>
    Buffer.from(
      sequence(
        sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)),
        bitString(Buffer.concat([Buffer.from([4]), x, y])),
      ),
    );

  it('a point that is not on the curve is refused', () => {
    expect(refusalOf(() => readPublicKey(point(Buffer.alloc(32, 1), Buffer.alloc(32, 2)))).code).toBe(
      'weak_key',
    );
  });

  it('the point at infinity and a compressed point are refused', async () => {
    const { publicKey } = await keyOf('ecdsa-p256');
    const compressed = Buffer.concat([
      Buffer.from([2 + ((publicKey.keyBits.at(-1) ?? 0) & 1)]),
      publicKey.keyBits.subarray(1, 33),
    ]);
    for (const bits of [Buffer.from([0]), compressed]) {
      const spki = sequence(sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), bitString(bits));
      expect(refusalOf(() => readPublicKey(spki)).code).toBe('weak_key');
    }
  });

  it.each(['1.3.132.0.33', '1.3.132.0.35', '1.3.132.0.10', '1.2.840.10045.3.1.1'])(
    'the curve %s is not served',
    (curve) => {
      const spki = sequence(sequence(oid(OID.ecPublicKey), oid(curve)), bitString(Buffer.alloc(65, 4)));
      expect(refusalOf(() => readPublicKey(spki)).code).toBe('weak_key');
    },
  );

  it('no sound key of any type is called weak', async () => {
    for (const algorithm of ONE_OF_EACH_TYPE)
      expect(weaknessOf((await keyOf(algorithm)).publicKey)).toBeUndefined();
  });
});

describe('Ed25519 points of small order: anybody can sign with them', () => {
  const P = (1n << 255n) - 19n;
  const D = (-121665n * powMod(121666n, P - 2n, P)) % P;
  const mod = (n: bigint): bigint => ((n % P) + P) % P;
  type Point = readonly [bigint, bigint];
  const add = ([x1, y1]: Point, [x2, y2]: Point): Point => {
    const t = mod(D * x1 * x2 * y1 * y2);
    return [
      mod((x1 * y2 + x2 * y1) * powMod(mod(1n + t), P - 2n, P)),
      mod((y1 * y2 + x1 * x2) * powMod(mod(1n - t), P - 2n, P)),
    ];
  };
  const root = (square: bigint): bigint | undefined => {
    const candidate = powMod(square, (P + 3n) / 8n, P);
    const found = [candidate, mod(candidate * powMod(2n, (P - 1n) / 4n, P))].find(
      (x) => mod(x * x) === square,
    );
    return found;
  };
  const onCurve = (y: bigint): Point | undefined => {
    const x = root(mod((y * y - 1n) * powMod(mod(D * y * y + 1n), P - 2n, P)));
    return x === undefined ? undefined : [x, y];
  };
  const encode = (y: bigint, sign: number): Buffer => {
    const out = Buffer.from(octets(y).toString('hex').padStart(64, '0'), 'hex').reverse();
    out[31] = (out[31] ?? 0) | (sign << 7);
    return out;
  };
  const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;
  const multiply = (n: bigint, start: Point): Point => {
    let result: Point = [0n, 1n];
    for (let e = n, point = start; e > 0n; e >>= 1n, point = add(point, point))
      if (e & 1n) result = add(result, point);
    return result;
  };

  /** All eight, from the group order: l times any point lies in the torsion group. */
  function torsion(): Point[] {
    for (let y = 2n; ; y++) {
      const point = onCurve(y);
      if (point === undefined) continue;
      const base = multiply(ORDER, point);
      const all = Array.from({ length: 8 }, (_, i) => multiply(BigInt(i), base));
      if (new Set(all.map(String)).size === 8) return all;
    }
  }

  it('all eight are found, with either sign and in every encoding', () => {
    for (const [, y] of torsion())
      for (const sign of [0, 1])
        for (const encoding of y + P < 1n << 255n ? [y, y + P] : [y])
          expect(weaknessOf(ed25519Key(encode(encoding, sign)))).toMatch(/small order|canonical/);
  });

  it('a certificate is refused for one, though its "signature" verifies', async () => {
    const spki = sequence(sequence(oid(OID.ed25519)), bitString(encode(1n, 0)));
    const pipeline = await makePipeline();
    const publicKey = readPublicKey(spki);
    const refusal = await refusalOfAsync(() =>
      pipeline.issue({ proof: { makeHere: () => Promise.resolve(publicKey) } }),
    );
    expect(refusal.code).toBe('lint_failed');
    expect(refusal.message).toContain('small order');
  });
});

describe('the pipeline asks', () => {
  it('and refuses a weak key with the rule, before anything is signed', async () => {
    const weak = rsaKey(p * nextPrime(p + 2n));
    const pipeline = await makePipeline();
    const refusal = await refusalOfAsync(() =>
      pipeline.issue({ proof: { makeHere: () => Promise.resolve(weak) } }),
    );
    expect(refusal.detail.errors?.map(({ field }) => field)).toEqual(['key_strength']);
    expect(pipeline.journal).not.toContain('signed');
  });

  it('and certifies an RSA key of 3072 bits', async () => {
    const { publicKey } = await keyOf('rsa-3072');
    const pipeline = await makePipeline();
    expect(
      issued(await pipeline.issue({ proof: { makeHere: () => Promise.resolve(publicKey) } })).der.length,
    ).toBeGreaterThan(800);
  });
});
