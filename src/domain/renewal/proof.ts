/** What endpoints were seen to serve, held against what they should. */
import type { Instant } from '../../base/clock.ts';
import { type Bytes, sha256, toHex } from '../../x509/bytes.ts';
import type { Seen } from './ports.ts';
import type { Endpoint, Sighting } from './version.ts';

export interface Expected {
  /** Fingerprint of the version that is proved. */
  readonly fingerprint: string;
  /** Fingerprints of versions before that may still be served for a while. */
  readonly before: readonly string[];
}

const fingerprintOf = (certificate: Bytes): string => toHex(sha256(certificate));

export function judge(
  { certificate, fault }: Seen,
  expected: Expected,
): { sighting: Sighting; detail: string } {
  if (certificate === undefined) return { sighting: 'unreachable', detail: fault ?? 'no certificate came' };
  const fingerprint = fingerprintOf(certificate);
  if (fingerprint === expected.fingerprint)
    return fault === undefined
      ? { sighting: 'new', detail: 'serves the new certificate' }
      : { sighting: 'wrong', detail: `serves the new certificate, but ${fault}` };
  if (expected.before.includes(fingerprint))
    return { sighting: 'old', detail: 'still serves the certificate before' };
  return { sighting: 'wrong', detail: `serves another certificate (${fingerprint.slice(0, 16)}…)` };
}

/**
 * The endpoints after a look. One that is seen as before keeps its `since`. An address that left the name is forgotten
 * while the probe finds as many others as it `expects` (at least one) and none of them is wrong or unreachable: a fleet
 * that shrinks breaks nothing. Otherwise it stays, as unreachable: a pair that takes instances out of the name is missed.
 * `expects` has every probe of the wish: what another one saw is forgotten, too.
 */
export function observe(
  before: readonly Endpoint[],
  seen: readonly Seen[],
  expected: Expected,
  expects: ReadonlyMap<string, number>,
): Endpoint[] {
  const found = seen.map((sight): Endpoint => {
    const known = before.find(({ probe, address }) => probe === sight.probe && address === sight.address);
    const { sighting, detail } = judge(sight, expected);
    return {
      probe: sight.probe,
      address: sight.address,
      healthyBefore: known?.healthyBefore ?? false,
      sighting,
      since: known?.sighting === sighting ? known.since : sight.at,
      seenAt: sight.at,
      detail,
    };
  });
  const looked = new Map<string, Instant>(seen.map(({ probe, at }) => [probe, at]));
  const gone = before.flatMap((endpoint): Endpoint[] => {
    const expect = expects.get(endpoint.probe);
    if (expect === undefined) return [];
    const others = found.filter(({ probe }) => probe === endpoint.probe);
    if (others.some(({ address }) => address === endpoint.address)) return [];
    const at = looked.get(endpoint.probe);
    if (at === undefined) return [endpoint];
    if (isEnough(others, expect)) return [];
    const known = endpoint.sighting === 'unreachable';
    return [
      {
        ...endpoint,
        sighting: 'unreachable',
        since: known ? endpoint.since : at,
        seenAt: at,
        detail: 'its address is no longer among those of the name',
      },
    ];
  });
  return [...found, ...gone];
}

const isEnough = (others: readonly Endpoint[], expect: number): boolean =>
  others.length >= Math.max(1, expect) &&
  others.every(({ sighting }) => sighting === 'new' || sighting === 'old');

/** The look before anything is stored: who serves the version before is healthy. */
export const observeBefore = (seen: readonly Seen[], before: readonly string[]): Endpoint[] =>
  observe([], seen, { fingerprint: '', before }, new Map()).map((endpoint) => ({
    ...endpoint,
    healthyBefore: endpoint.sighting === 'old',
  }));
