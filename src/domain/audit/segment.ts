/**
 * After a restore the log goes on from the end of the backup, although other entries had followed. A new segment begins
 * with an entry that says so, and the next head signs it: who reads the log sees that there is a gap, and where.
 */
import { formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import type { ChainEnd } from './chain.ts';
import type { AuditDraft } from './entry.ts';
import type { AuditHead } from './head.ts';

export interface Segment {
  /** The entry that begins it. */
  readonly sequence: number;
  /** As the log writes it. */
  readonly time: string;
}

export interface SegmentOpening extends Pick<AuditDraft, 'principal' | 'door' | 'requestId'> {
  /** The entry that it goes on from. */
  readonly after: ChainEnd;
  /** The last signed head that is still there. */
  readonly lastHead: AuditHead | undefined;
  readonly now: Instant;
}

export const segmentDraft = ({ after, lastHead, now, ...actor }: SegmentOpening): AuditDraft => ({
  time: now,
  event: 'log.segment.opened',
  outcome: 'allowed',
  ...actor,
  details: {
    after: { sequence: after.sequence, hash: after.hash },
    lastHead:
      lastHead === undefined ? null : { sequence: lastHead.sequence, time: formatInstant(lastHead.time) },
  },
});

/** The segment that an entry begins; `undefined` for any other entry. */
export function readSegment(body: Readonly<Record<string, unknown>>): Segment | undefined {
  const { event, sequence, time } = body;
  return event === 'log.segment.opened' ? { sequence: sequence as number, time: String(time) } : undefined;
}

export const segmentNote = ({ sequence, time }: Segment): string =>
  `The log was restored at entry ${sequence} (${time}): what had followed entry ${sequence - 1} before is missing here. Heads and copies that were kept elsewhere tell of it.`;

/** Which part of the log a head vouches for that does not fit: the one that a restore lost. */
export const lostIn = (segments: readonly Segment[], head: Pick<AuditHead, 'sequence' | 'time'>): string => {
  const segment = segments.find(
    ({ sequence, time }) => sequence <= head.sequence && head.time <= (parseInstant(time) ?? 0),
  );
  return segment === undefined
    ? ''
    : `; it is of what was lost when the log was restored at entry ${segment.sequence} (${segment.time})`;
};
