/** What the verifier of an exported log says. JSON-ready. */
import type { ChainEnd } from './chain.ts';
import type { ExportForm } from './export.ts';

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
  readonly notes: readonly string[];
}
