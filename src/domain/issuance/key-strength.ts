/** Keys that look right and are not: RSA as Boulder's goodkey refuses it, Ed25519 points of small order. */
import { type Bytes, toHex } from '../../x509/bytes.ts';
import type { PublicKey } from '../../x509/public-key.ts';

const PRIMES = primesBelow(752);

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}

/**
 * ROCA (CVE-2017-15361): the flawed generator's primes are powers of 65537 modulo each small prime, so the modulus is
 * one too. A sound modulus is so modulo all of these primes with a chance of about 2^-27.
 */
const ROCA_SUBGROUPS: ReadonlyMap<number, ReadonlySet<number>> = new Map(
  PRIMES.filter((prime) => prime > 2 && prime <= 167).map((prime) => {
    const powers = new Set<number>();
    for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) powers.add(power);
    return [prime, powers];
  }),
);

const FERMAT_ROUNDS = 100;

/**
 * The y coordinates (little-endian, without the sign bit) of Ed25519 points of order 1, 2, 4 and 8. Under such a
 * "key" anybody can sign anything (RFC 8032 8.4 leaves the check to the application, and OpenSSL does none).
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  `00${'00'.repeat(31)}`,
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** Why a key must not be certified, `undefined` when nothing speaks against it. EC points were checked by their import. */
export function weaknessOf(key: PublicKey): string | undefined {
  if (key.type === 'ed25519') return weaknessOfEd25519(key.keyBits);
  return key.rsa === undefined ? undefined : weaknessOfRsa(key, key.rsa);
}

function weaknessOfEd25519(point: Bytes): string | undefined {
  const y = `${toHex(point.subarray(0, 31))}${((point[31] ?? 0) & 0x7f).toString(16).padStart(2, '0')}`;
  // p is 2^255 - 19: ED FF … FF 7F
  if (/^(?:e[d-f]|f.)(?:ff){30}7f$/.test(y))
    return 'the Ed25519 key is not encoded canonically (RFC 8032 5.1.3)';
  return SMALL_ORDER.has(y)
    ? 'the Ed25519 key is a point of small order: anybody can sign with it'
    : undefined;
}

function weaknessOfRsa(key: PublicKey, rsa: NonNullable<PublicKey['rsa']>): string | undefined {
  const exponent = BigInt(`0x${toHex(rsa.exponent) || '0'}`);
  const modulus = BigInt(`0x${toHex(rsa.modulus) || '0'}`);
  if (key.bits < 2048 || key.bits > 4096 || key.bits % 8 !== 0)
    return `the RSA modulus has ${key.bits} bits, 2048 to 4096 in whole octets are allowed`;
  if (exponent < 65537n || exponent % 2n === 0n)
    return `the RSA exponent is ${exponent}, odd and from 65537 is allowed`;
  const residues = PRIMES.map((prime) => [prime, Number(modulus % BigInt(prime))] as const);
  const divisor = residues.find(([, residue]) => residue === 0)?.[0];
  if (divisor !== undefined) return `the RSA modulus is divisible by ${divisor}`;
  if (residues.every(([prime, residue]) => ROCA_SUBGROUPS.get(prime)?.has(residue) ?? true))
    return 'the RSA key is of a generator with the ROCA flaw';
  return factorsAreClose(modulus)
    ? 'the factors of the RSA modulus are so close that it can be factored (Fermat)'
    : undefined;
}

function factorsAreClose(modulus: bigint): boolean {
  let a = squareRoot(modulus);
  if (a * a < modulus) a++;
  for (let round = 0; round < FERMAT_ROUNDS; round++, a++) {
    const rest = a * a - modulus;
    // squares end in few residues modulo 64: most candidates need no root
    if (!SQUARES_64.has(Number(rest & 63n))) continue;
    const b = squareRoot(rest);
    if (b * b === rest) return true;
  }
  return false;
}

const SQUARES_64: ReadonlySet<number> = new Set(Array.from({ length: 64 }, (_, i) => (i * i) % 64));

function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(16).length * 4 + 2) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
