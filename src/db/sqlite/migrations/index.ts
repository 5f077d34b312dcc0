/** Every schema there ever was, in order. A migration that was released never changes; what is wrong gets a new one. */
import * as initial from './0001-initial.ts';
import * as tokens from './0002-tokens.ts';
import * as hierarchy from './0003-hierarchy.ts';
import * as names from './0004-names-without-reference.ts';
import * as owners from './0005-owners-and-labels.ts';
import * as revocation from './0006-revocation.ts';
import * as acme from './0007-acme.ts';
import * as journal from './0008-journal.ts';
import * as renewals from './0009-renewals.ts';
import * as scheduled from './0010-scheduled-revocations.ts';
import * as managed from './0011-managed.ts';

export interface Migration {
  /** From 1, without gaps: the `user_version` after it. */
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'initial', sql: initial.sql },
  { number: 2, name: 'tokens', sql: tokens.sql },
  { number: 3, name: 'hierarchy', sql: hierarchy.sql },
  { number: 4, name: 'names without reference', sql: names.sql },
  { number: 5, name: 'owners and labels', sql: owners.sql },
  { number: 6, name: 'revocation', sql: revocation.sql },
  { number: 7, name: 'acme', sql: acme.sql },
  { number: 8, name: 'journal', sql: journal.sql },
  { number: 9, name: 'renewals', sql: renewals.sql },
  { number: 10, name: 'scheduled revocations', sql: scheduled.sql },
  { number: 11, name: 'managed', sql: managed.sql },
];
