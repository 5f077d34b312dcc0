/** What is on record of the delivery of a version to a target as the wish has it now. */
import { sha256, toHex } from '../../x509/bytes.ts';
import type { TargetWish } from './managed.ts';
import type { Delivery, Version } from './version.ts';

/** SHA-256 of kind and spec, hexadecimal: whatever order its keys have. */
export const targetDigest = ({ kind, spec }: Pick<TargetWish, 'kind' | 'spec'>): string =>
  toHex(sha256(new TextEncoder().encode(JSON.stringify([kind, sorted(spec)]))));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

/** `undefined`: nothing was delivered to it, or to something else by its id: another folder, layout or reload. */
export function deliveryTo({ deliveries }: Version, wish: TargetWish): Delivery | undefined {
  const found = deliveries.find(({ target }) => target === wish.id);
  // records of before lack it
  const spec = found?.spec ?? null;
  return spec === null || spec === targetDigest(wish) ? found : undefined;
}

export const isStored = (version: Version, wish: TargetWish): boolean =>
  (deliveryTo(version, wish)?.storedAt ?? null) !== null;
