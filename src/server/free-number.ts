/** Numbers of roots and generations. */
import type { JournalBook } from '../domain/revocation/journal-book.ts';

/**
 * The first number, from this one on, whose name the journal does not know. One that was lost with an older backup has
 * certificates in the world that name its CRLs: they must not find those of another key.
 */
export function freeNumber(
  journal: Pick<JournalBook, 'crlFloor'>,
  from: number,
  name: (number: number) => string,
): number {
  let number = from;
  while (journal.crlFloor(name(number)) !== undefined) number += 1;
  return number;
}
