/** The hash chain: each entry's hash covers its body and the hash before, so a change anywhere breaks every link after it. */
import { formatInstant, type Instant } from '../../base/clock.ts';
import { fromUtf8, sha256, toHex } from '../../x509/bytes.ts';
import { canonicalJson } from './canonical.ts';
import type { AuditDraft, AuditEntry } from './entry.ts';

/** What comes before the first entry. */
export const GENESIS = '0'.repeat(64);

/** A place in the chain: the newest sequence number and its hash. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: string;
}

export const EMPTY_CHAIN: ChainEnd = { sequence: 0, hash: GENESIS };

export const linkHash = (previous: string, body: string): string =>
  toHex(sha256(fromUtf8(`${previous}\n${body}`)));

/**
 * The latest time that the log vouches for after an entry: times only add to it, until an operator accepts the clock as it
 * is because an earlier time was bogus.
 */
export const latestAfter = (latest: Instant, { event, time }: Pick<AuditDraft, 'event' | 'time'>): Instant =>
  event === 'clock.accepted' ? time : Math.max(latest, time);

/** The next link. */
export function link(end: ChainEnd, draft: AuditDraft): AuditEntry {
  const sequence = end.sequence + 1;
  const body = canonicalJson({ ...draft, sequence, time: formatInstant(draft.time) });
  return { sequence, body, hash: linkHash(end.hash, body) };
}
