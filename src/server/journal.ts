/**
 * Takes up the journal at a start: what it knows and the database does not takes effect before anything is served, and from
 * then on nothing is committed that it was not told. A run that is cut off is taken up again at the next start.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { ChanceryError, isChanceryError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Bucket, JournalConfiguration } from '../config/index.ts';
import { lockData } from '../db/sqlite/data-lock.ts';
import type { Store } from '../db/sqlite/index.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { EMPTY_CHAIN } from '../domain/audit/chain.ts';
import { type Journal, JOURNAL_FORMAT, JournalFailure } from '../domain/revocation/journal.ts';
import {
  type JournalOwner,
  judgeBeginning,
  judgeCommon,
  judgeEnd,
  judgeFirst,
  judgeOwner,
  leftDraft,
  openedDraft,
} from '../domain/revocation/replay.ts';
import { FolderJournal, makeJournalFolder } from '../journal/folder.ts';
import { BucketJournal } from '../journal/s3.ts';
import { S3Client } from '../s3/client.ts';
import { credentialsFile } from '../s3/credentials.ts';
import { JournalReplay } from './journal-replay.ts';

export interface JournalOptions {
  readonly configuration: JournalConfiguration | undefined;
  readonly store: Store;
  readonly trustDomain: string;
  /** SHA-256 of the audit public key, hexadecimal. */
  readonly auditKey: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Takes the journal as it is, though records may be missing; makes the entry, given why it was refused. */
  readonly accept?: ((reason: string) => AuditDraft) | undefined;
}

export interface TakenUp {
  /** To be called after the store was closed, which closes the journal. */
  readonly release: () => void;
}

/** Throws `foreign_journal`, `damaged_journal`, `store_unavailable`, … */
export async function takeUpJournal(options: JournalOptions): Promise<TakenUp> {
  const { configuration, store, clock, log } = options;
  const position = store.journal.position();
  if (configuration === undefined) {
    if (position !== undefined) {
      log.warn('the journal that the database had is not configured any more', { id: position.journal });
      await store.journal.advance(undefined, [], [leftDraft(position, clock.now())]);
    }
    return { release: () => undefined };
  }
  const release = lock(configuration);
  try {
    const journal = await open(configuration, options, position?.sequence ?? 1);
    try {
      await catchUpOrAccept(journal, options);
      store.journal.attach(journal);
    } catch (error) {
      journal.close();
      throw error instanceof JournalFailure ? unavailable(error) : error;
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

async function catchUpOrAccept(journal: Journal, options: JournalOptions): Promise<void> {
  const { accept, store, clock } = options;
  const isNew = store.journal.position() === undefined;
  try {
    await catchUp(journal, options, false);
    if (isNew) await begin(journal, options, () => openedDraft(journal.name, clock.now()));
  } catch (error) {
    if (accept === undefined || !isChanceryError(error) || error.code !== 'foreign_journal') throw error;
    await catchUp(journal, options, true);
    await begin(journal, options, () => accept(error.message));
  }
}

/** Everything that stands behind the place that the database knows; if it is accepted, everything that there is. */
async function catchUp(journal: Journal, options: JournalOptions, accepted: boolean): Promise<void> {
  const { store } = options;
  const position = accepted ? undefined : store.journal.position();
  if (position !== undefined) judgeEnd(journal.name, position, journal.last());
  const owner = ownerOf(options);
  const replay = new JournalReplay({ ...options, name: journal.name });
  let first = true;
  for await (const line of journal.lines(position?.sequence ?? 1)) {
    judgeOwner(journal.name, line, owner);
    if (first && position !== undefined) judgeCommon(journal.name, position, line);
    else if (first && !accepted) judgeFirst(journal.name, line);
    if (!accepted && line.end.sequence > (position?.sequence ?? 0)) judgeBeginning(journal.name, line, owner);
    if (position === undefined || !first) await replay.take(line);
    first = false;
  }
  if (first && position !== undefined) judgeCommon(journal.name, position, undefined);
  await replay.finish();
}

function ownerOf({ store, trustDomain, auditKey }: JournalOptions): JournalOwner {
  return {
    trustDomain,
    key: auditKey,
    auditHash(sequence) {
      const [entry] = store.audit.entries(sequence, 1);
      return entry?.sequence === sequence ? entry.hash : undefined;
    },
  };
}

/** Says in the journal from where on it knows everything. An empty log of a new authority begins with its own entry. */
async function begin(journal: Journal, options: JournalOptions, draft: () => AuditDraft): Promise<void> {
  const { store, trustDomain, auditKey } = options;
  const { sequence, hash } = store.audit.last() ?? EMPTY_CHAIN;
  const opened = { format: JOURNAL_FORMAT, trustDomain, key: auditKey, audit: { sequence, hash } };
  const position = await journal.append({ records: [], opened });
  await store.journal.advance(position, [], sequence === 0 ? [] : [draft()]);
}

/** One server at a time, also across hosts that share the folder. In a bucket the objects themselves keep others out. */
function lock(configuration: JournalConfiguration): () => void {
  if (configuration.kind === 's3') return () => undefined;
  makeJournalFolder(configuration.folder);
  const found = lockData(join(configuration.folder, 'lock'));
  if (found !== undefined) return () => found.release();
  throw new ChanceryError('foreign_journal', {
    message: `another process writes to the journal ${configuration.folder}`,
    rule: 'one server per journal',
    fix: 'Stop it first, or name another folder.',
  });
}

async function open(
  configuration: JournalConfiguration,
  { clock, random, log }: JournalOptions,
  from: number,
): Promise<Journal> {
  if (configuration.kind === 'folder')
    return FolderJournal.open({ folder: configuration.folder, clock, random, log });
  const { bucket } = configuration;
  return BucketJournal.open({ client: s3Client(bucket, clock), prefix: bucket.prefix, clock, random, from });
}

/** Throws `invalid_configuration` for credentials or roots that are not there. */
export function s3Client({ bucket, region, endpoint, ca, credentials }: Bucket, clock: Clock): S3Client {
  if (credentials.file === undefined)
    throw new ChanceryError('invalid_configuration', {
      message: `the systemd credential ${credentials.kind === 'credential' ? credentials.name : ''} is not here`,
      rule: '$CREDENTIALS_DIRECTORY is set by systemd (LoadCredential=)',
      fix: 'Name a file instead, or start the server as a unit.',
    });
  return new S3Client({
    ...{ bucket, region, endpoint, clock },
    ca: ca === undefined ? undefined : readFileSync(ca, 'utf8'),
    credentials: credentialsFile(credentials.file),
  });
}

const unavailable = (failure: JournalFailure): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: failure.message,
      rule: 'nothing is answered before the journal has it',
      fix: 'An operator has to look at the journal.',
    },
    { cause: failure },
  );
