/** What the verifier of an exported log says. JSON-ready. */
import type { ChainEnd } from './chain.ts';
import type { ExportForm } from './export.ts';
import { type Segment, segmentNote } from './segment.ts';

/**
 * `malformed`: not a line of the format; `key`: another audit key; `changed`: body and hash do not belong together;
 * `order`: entries missing, repeated or swapped; `head`: a head that does not fit the entries; `signature`: a head not
 * signed by the key; `missing-head`; `cut`: the end is gone; `replaced`: another log than the witness vouches for.
 */
export type AuditFault =
  'malformed' | 'key' | 'changed' | 'order' | 'head' | 'signature' | 'missing-head' | 'cut' | 'replaced';

export interface BadRecord {
  /** From 1. One more than there are when the end is cut. */
  readonly line: number;
  /** The entry that is, or should be, there; of a head, the entry that it signs. 0 for the header. */
  readonly sequence: number;
  readonly fault: AuditFault;
  readonly message: string;
}

export interface AuditReport {
  readonly verdict: 'good' | 'broken';
  /** Lines that were looked at. */
  readonly lines: number;
  readonly form: ExportForm | null;
  /** Of the first entry, which the chain covers; `null` when it was not seen or names none. */
  readonly trustDomain: string | null;
  /** Good entries: from `first` to `last`. */
  readonly entries: number;
  readonly first: number | null;
  readonly last: ChainEnd | null;
  /** The last good head: what it covers was vouched for with the audit key. */
  readonly lastHead: { readonly sequence: number; readonly hash: string; readonly time: string } | null;
  /** Good entries after it: chained, and vouched for by nobody. */
  readonly uncovered: number;
  readonly bad: BadRecord | null;
  /** The head that was kept elsewhere. `null` when there was none. */
  readonly witness: { readonly sequence: number; readonly time: string; readonly found: boolean } | null;
  /** Where the log was restored from a backup: what had followed the entry before is missing. */
  readonly segments: readonly Segment[];
  readonly notes: readonly string[];
}

export interface NoteFacts {
  /** The number of the entry before the first one of the file. */
  readonly after: number;
  readonly witness: { readonly sequence: number } | undefined;
  readonly witnessFound: boolean;
  readonly bad: BadRecord | undefined;
  readonly segments: readonly Segment[];
}

/** What whoever reads the report has to know besides. */
export function reportNotes({ after, witness, witnessFound, bad, segments }: NoteFacts): string[] {
  const notes: string[] = segments.map(segmentNote);
  if (witness === undefined)
    notes.push(
      'Without a head that was kept elsewhere (--head) nobody can see that the end was cut exactly after a signed head, or that this is an older export.',
    );
  else if (!witnessFound && bad === undefined)
    notes.push(
      `This file begins after entry ${after}: the head kept elsewhere, of entry ${witness.sequence}, says nothing about it.`,
    );
  if (bad === undefined && after > 0)
    notes.push(`The file begins after entry ${after}: what came before was not verified.`);
  if (bad !== undefined)
    notes.push('Verification stopped at the first bad record: what comes after it was not looked at.');
  return notes;
}
