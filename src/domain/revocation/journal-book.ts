/** What the database keeps of the journal: a port beside `ports.ts`, which the journal itself needs. */
import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { Journal, JournalPosition } from './journal.ts';
import type { CrlScope } from './ports.ts';

/**
 * What no CRL of a generation or root may be below, or before: the journal tells of one that is not on record here. Its
 * date goes with its number.
 */
export interface CrlFloor {
  /** Of a root, its name. */
  readonly generation: string;
  readonly scope: CrlScope;
  readonly number: bigint;
  readonly thisUpdate: Instant;
}

/** How much of the journal the database has, and what it took from there. */
export interface JournalBook {
  /** `undefined` where no journal was told of anything yet, or the journal was left. */
  position(): JournalPosition | undefined;
  /** Takes floors whose numbers are above those on record, and the position; durable with the audit entries. */
  advance(
    position: JournalPosition | undefined,
    floors: readonly CrlFloor[],
    audit: readonly AuditDraft[],
  ): Promise<void>;
  /** Takes floors whose numbers are above those on record, and tells the journal. */
  raise(floors: readonly CrlFloor[], audit: readonly AuditDraft[]): Promise<void>;
  /** The highest number, and the latest of the dates, of all scopes; `undefined` where the journal told nothing. */
  crlFloor(generation: string): Pick<CrlFloor, 'number' | 'thisUpdate'> | undefined;
  /** From now on nothing is committed that this journal was to know and does not. */
  attach(journal: Journal): void;
}
