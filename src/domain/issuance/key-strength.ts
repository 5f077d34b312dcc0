/** RSA keys that look right and are not: what Boulder's goodkey refuses. */
import { toHex } from '../../x509/bytes.ts';
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

/** Why a key must not be certified, `undefined` when nothing speaks against it. EC and Ed25519 keys were checked by their import. */
export function weaknessOf(key: PublicKey): string | undefined {
  if (key.rsa === undefined) return undefined;
  const exponent = BigInt(`0x${toHex(key.rsa.exponent) || '0'}`);
  const modulus = BigInt(`0x${toHex(key.rsa.modulus) || '0'}`);
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
