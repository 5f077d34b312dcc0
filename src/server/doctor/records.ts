/** The records of the database, where it can be read; else what a check says instead. */
import type { StoreRecords } from '../../db/sqlite/view.ts';
import type { Instant } from '../../base/clock.ts';
import type { Facts } from './facts.ts';
import { info, type Said } from './finding.ts';

export function recordsOf({ store }: Facts): StoreRecords | undefined {
  return 'value' in store ? store.value.records : undefined;
}

export const notChecked: Said = info('not checked: the database cannot be read (see chain and version)');

/** Nothing is signed under it any more. */
export const isRetired = ({ retiredAt }: { readonly retiredAt: Instant | null }, now: Instant): boolean =>
  retiredAt !== null && retiredAt <= now;
