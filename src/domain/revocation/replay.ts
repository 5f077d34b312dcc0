/** What the journal knows and the database does not: judged, and turned into what has to be recorded. */
import { type Instant, formatInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { AuditDraft } from '../audit/entry.ts';
import { isJournalOf, type JournalLine, type JournalPosition } from './journal.ts';
import type { CrlFloor } from './journal-book.ts';
import type { JournalRecord, KnownSerial, Revocation } from './ports.ts';

/** Whose database it is. */
export interface JournalOwner {
  readonly trustDomain: string;
  /** SHA-256 of the audit public key, hexadecimal. */
  readonly key: string;
  /** The hash of an entry of the audit log; `undefined` where it has none of this number. */
  readonly auditHash: (sequence: number) => string | undefined;
}

const RULE = 'what is revoked is revoked, also after a restore';
const ACCEPT =
  'Bring the right journal or a newer backup. If there is none, look what may be missing, then run `chancery server admin accept-journal`.';

const foreign = (message: string, fix = ACCEPT): ChanceryError =>
  new ChanceryError('foreign_journal', { message, rule: RULE, fix });

/** Throws `foreign_journal` where the journal is not the one whose line the database has as its last, or ends before it. */
export function judgeEnd(
  name: string,
  position: JournalPosition,
  last: Pick<JournalLine, 'end' | 'journal'> | undefined,
): void {
  const known = `the database knows the journal ${position.journal} up to line ${position.sequence}`;
  if (last === undefined) throw foreign(`${known}, and ${name} is empty: it was lost, or is not mounted`);
  if (last.journal !== position.journal)
    throw foreign(`${known}, and ${name} is the journal ${last.journal}: it was exchanged`);
  if (last.end.sequence < position.sequence)
    throw foreign(`${known}, and ${name} ends with line ${last.end.sequence}: its end is missing`);
}

/** Throws `foreign_journal` where the line that both know is not the same in both. */
export function judgeCommon(name: string, position: JournalPosition, line: JournalLine | undefined): void {
  if (line === undefined || line.end.sequence !== position.sequence)
    throw foreign(
      `the database knows the journal up to line ${position.sequence}, and ${name} begins with line ${line?.end.sequence ?? 'none'}: what was between is missing`,
    );
  if (line.end.hash !== position.hash || line.journal !== position.journal)
    throw foreign(`line ${position.sequence} of ${name} is not the one that the database knows`);
}

/** Throws `foreign_journal` for a journal of another authority; nobody can accept that. */
export function judgeOwner(
  name: string,
  { opened, journal }: Pick<JournalLine, 'opened' | 'journal'>,
  { trustDomain, key }: JournalOwner,
): void {
  const fix = 'Name the journal of this authority, or an empty place.';
  if (opened !== undefined && opened.trustDomain !== trustDomain)
    throw foreign(`${name} is the journal of the trust domain ${opened.trustDomain}`, fix);
  if (!isJournalOf(journal, key) || (opened !== undefined && opened.key !== key))
    throw foreign(`${name} is the journal of another authority`, fix);
}

/** Throws `foreign_journal` where the database has no place in the journal, and the first lines of it are not there. */
export function judgeFirst(name: string, { end, opened }: JournalLine): void {
  if (end.sequence === 1 && opened !== undefined) return;
  throw foreign(`the database knows nothing of a journal, and ${name} begins with line ${end.sequence}`);
}

/** Throws `foreign_journal` where the database is older than the moment at which the journal was taken into use. */
export function judgeBeginning(name: string, { opened, end, time }: JournalLine, owner: JournalOwner): void {
  if (opened === undefined) return;
  const { sequence, hash } = opened.audit;
  const found = sequence === 0 ? hash : owner.auditHash(sequence);
  if (found === hash) return;
  throw foreign(
    `${name} was taken into use at ${formatInstant(time)} (line ${end.sequence}), when the audit log ended with entry ${sequence}, and the database ${found === undefined ? 'does not go that far' : 'has another one'}: what came between is in neither`,
  );
}

/** What a run of lines amounts to. */
export interface Replay {
  readonly known: readonly KnownSerial[];
  readonly revoked: readonly Extract<JournalRecord, { readonly kind: 'revoked' }>[];
  readonly blocked: readonly Extract<JournalRecord, { readonly kind: 'blocked' }>[];
  readonly floors: readonly CrlFloor[];
}

export function sumUp(lines: readonly Pick<JournalLine, 'records'>[]): Replay {
  const records = lines.flatMap((line) => line.records);
  const floors = new Map<string, CrlFloor>();
  for (const record of records) {
    if (record.kind !== 'crl') continue;
    const { generation, scope, number, thisUpdate } = record;
    const key = `${generation} ${scope}`;
    const before = floors.get(key);
    // the date of the highest number is the latest, unless an operator took a later one back
    if (before === undefined || number > before.number)
      floors.set(key, { generation, scope, number, thisUpdate });
  }
  return {
    known: records.filter((record) => record.kind === 'issued'),
    revoked: records.filter((record) => record.kind === 'revoked'),
    blocked: records.filter((record) => record.kind === 'blocked'),
    floors: [...floors.values()],
  };
}

const draft = (event: AuditDraft['event'], now: Instant, details: AuditDraft['details']): AuditDraft => ({
  time: now,
  event,
  outcome: 'allowed',
  principal: 'system:journal',
  door: 'internal',
  requestId: 'journal',
  details,
});

/** One for each revocation that was not on record: who had revoked is in the log that was lost. */
export const replayedRevocation = (
  { serial, generation, reason, revokedAt }: Revocation,
  now: Instant,
): AuditDraft =>
  draft('certificate.revoked', now, {
    serial,
    generation,
    reason,
    revokedAt: formatInstant(revokedAt),
    source: 'journal',
  });

export const replayedBlock = (key: string, now: Instant): AuditDraft =>
  draft('key.blocked', now, { key, source: 'journal' });

export interface Replayed {
  /** First and last line. */
  readonly from: number;
  readonly to: number;
  /** How many were not on record. */
  readonly serials: number;
  readonly revocations: number;
  readonly blockedKeys: number;
  readonly crls: number;
  /** Generations that have records and are not here: their keys are in no backup that this one was made from. */
  readonly unknownGenerations: readonly string[];
}

export const replayedDraft = (journal: string, replayed: Replayed, now: Instant): AuditDraft =>
  draft('journal.replayed', now, { journal, ...replayed });

export const openedDraft = (name: string, now: Instant): AuditDraft =>
  draft('journal.opened', now, { journal: name });

export const leftDraft = ({ journal, sequence }: JournalPosition, now: Instant): AuditDraft =>
  draft('journal.left', now, { id: journal, sequence });
