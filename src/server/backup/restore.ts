/**
 * `server restore`: a data folder out of a backup. Everything is opened and checked before the first file is written; then
 * it is written beside its place, checked once more as a database, and moved in, client.yaml last.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { resolveDataFolder } from '../../config/index.ts';
import type { ChainEnd } from '../../domain/audit/chain.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { AuditHead } from '../../domain/audit/head.ts';
import { segmentDraft } from '../../domain/audit/segment.ts';
import { appendAuditEntries, checkDatabase } from '../../db/sqlite/snapshot.ts';
import { viewStore } from '../../db/sqlite/view.ts';
import {
  damaged,
  makeFolder,
  openSealedFile,
  PRIVATE_FILE,
  rememberedSource,
  type SealedFacts,
} from '../../keys/software/index.ts';
import { type DataPaths, dataPaths, makeDataFolder, writePublicFile } from '../data.ts';
import { localCaller, localPrincipal } from '../local-caller.ts';
import type { ProgramOptions } from '../options.ts';
import { systemClock } from '../world.ts';
import { readArchive } from './archive.ts';
import { requirePassphrase } from './back-up.ts';

export interface RestoreOptions extends ProgramOptions {
  readonly from: string;
  readonly backupPassphraseFile: string | undefined;
}

export interface Restored {
  readonly data: string;
  readonly created: string;
  readonly trustDomain: string;
  readonly schema: number;
  readonly files: readonly string[];
  /** What a backup never holds and somebody has to bring or do before the server starts. */
  readonly missing: readonly string[];
}

/** Throws `already_exists`, `damaged_backup`, `wrong_passphrase`, `newer_schema`, `store_unavailable`. */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { path: data } = resolveDataFolder(options.data, options.env, options.cwd);
  refuseUsed(data);
  const from = resolve(options.cwd, options.from);
  const passphraseFile = requirePassphrase(options.backupPassphraseFile, options.cwd);
  const sealed = await open(from, passphraseFile);
  // once through to the end without writing anything: what is cut off or changed shows here
  unpack(from, sealed.text(), () => ({ begin() {}, content() {}, end() {} }));
  const facts = readFacts(from, sealed.facts);

  const paths = dataPaths(data);
  await makeDataFolder(paths);
  const stage = join(data, `.restoring-${randomBytes(6).toString('hex')}`);
  try {
    for (const folder of [stage, join(stage, 'db'), join(stage, 'keys')]) await makeFolder(folder);
    const files: string[] = [];
    unpack(from, sealed.text(), () => new FolderSink(stage, files));
    const database = join(stage, 'db', 'chancery.db');
    checkDatabase(database);
    const lastHead = checkContent(from, database, stage);
    appendAuditEntries(database, (after) => restoredDrafts(facts, after, lastHead));
    checkDatabase(database); // and without side files
    const missing = await furnish(paths, stage, facts, files);
    return {
      data,
      created: facts.created,
      trustDomain: facts.trustDomain,
      schema: facts.schema,
      files,
      missing,
    };
  } finally {
    rmSync(stage, { recursive: true, force: true });
    // an empty shell would look like somebody's folder
    if (!existsSync(paths.clientFile)) clear(paths);
  }
}

function refuseUsed(data: string): void {
  const [found] = existsSync(data) ? readdirSync(data).filter((name) => name !== 'lost+found') : [];
  if (found === undefined) return;
  throw new ChanceryError('already_exists', {
    message: `${data} is not empty: there is ${found}`,
    rule: 'a backup is restored into a folder of its own, never over an authority',
    fix: 'Name another folder with --data, or move this one away.',
  });
}

async function open(from: string, passphraseFile: string) {
  try {
    return await openSealedFile(from, 'backup', { passphraseFile });
  } catch (error) {
    if (isChanceryError(error)) throw error;
    throw new ChanceryError(
      'usage',
      {
        message: `${from} cannot be read: ${(error as Error).message}`,
        fix: 'Check the path and its permissions.',
      },
      { cause: error },
    );
  }
}

function unpack(
  from: string,
  text: Iterable<Uint8Array>,
  sink: () => Parameters<typeof readArchive>[1],
): void {
  try {
    readArchive(text, sink());
  } catch (error) {
    if (isChanceryError(error) || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw damaged(from, error instanceof Error ? error.message : String(error));
  }
}

interface Facts {
  readonly created: string;
  readonly version: string;
  readonly trustDomain: string;
  readonly schema: number;
  readonly database: string;
}

function readFacts(from: string, { created, version, trustDomain, schema, database }: SealedFacts): Facts {
  const sound = typeof database === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(database);
  if (!sound || typeof schema !== 'number')
    throw damaged(from, 'its header lacks what a backup says of itself');
  return {
    created: String(created),
    version: String(version),
    trustDomain: String(trustDomain),
    schema,
    database,
  };
}

/** Writes each file into the stage, private and durable. */
class FolderSink {
  readonly #folder: string;
  readonly #files: string[];
  #descriptor = -1;

  constructor(folder: string, files: string[]) {
    this.#folder = folder;
    this.#files = files;
  }

  begin({ path }: { readonly path: string }): void {
    this.#files.push(path);
    this.#descriptor = openSync(join(this.#folder, path), 'wx', PRIVATE_FILE);
  }

  content(octets: Uint8Array): void {
    for (let at = 0; at < octets.length;) at += writeSync(this.#descriptor, octets, at);
  }

  end(): void {
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }
}

/** Entries had followed the backup, and are lost: the log goes on in a segment that says so. */
function restoredDrafts(
  { created, version }: Facts,
  after: ChainEnd,
  lastHead: AuditHead | undefined,
): readonly AuditDraft[] {
  const now = systemClock.now();
  const actor = { principal: localPrincipal(), door: 'local', requestId: 'server-restore' };
  return [
    segmentDraft({ ...actor, after, lastHead, now }),
    {
      time: now,
      event: 'server.restored',
      outcome: 'allowed',
      ...actor,
      details: { created, version, ...localCaller() },
    },
  ];
}

/** The database can be used by this release, and has the keys that it names; returns its last signed head. */
function checkContent(from: string, database: string, stage: string): AuditHead | undefined {
  const { schema, known, records, close } = viewStore(database);
  try {
    if (schema > known)
      throw new ChanceryError('newer_schema', {
        message: `${from} has schema ${schema}, this release knows schemas up to ${known}`,
        rule: 'an older release never writes into the schema of a newer one',
        fix: 'Restore it with the release that made it, or a newer one.',
      });
    const named = [...(records?.authorities.roots() ?? []), ...(records?.authorities.generations() ?? [])];
    for (const { keyId } of named as readonly { readonly keyId: string | null }[])
      if (keyId !== null && !existsSync(join(stage, 'keys', `${keyId}.key.json`)))
        throw damaged(from, `it has no key ${keyId}, which its database names`);
    return records?.audit.lastHead();
  } finally {
    close();
  }
}

/** Moves everything in; client.yaml last, for its presence says that the folder is an authority. */
async function furnish(
  paths: DataPaths,
  stage: string,
  { database }: Facts,
  files: readonly string[],
): Promise<string[]> {
  const missing = [
    whatOpens(join(stage, 'keys')),
    'a login of the operator: `chancery server admin recover`',
  ];
  for (const path of files) {
    if (dirname(path) === 'keys') renameSync(join(stage, path), join(paths.data, path));
    if (dirname(path) === 'db') renameSync(join(stage, path), join(paths.data, 'db', database));
  }
  for (const name of ['roots.pem', 'audit.pub', 'chancery.yaml'])
    if (files.includes(name))
      await writePublicFile(join(paths.data, name), readFileSync(join(stage, name), 'utf8'));
  const client = readFileSync(join(stage, 'client.yaml'), 'utf8');
  const { text, note } = withConfiguration(client, paths.data, files.includes('chancery.yaml'));
  await writePublicFile(paths.clientFile, text);
  return note === undefined ? missing : [...missing, note];
}

/** Where the configuration was is not where it is now: the copy serves until somebody names another. */
function withConfiguration(
  client: string,
  data: string,
  hasCopy: boolean,
): { readonly text: string; readonly note: string | undefined } {
  const line = /^configuration: (".*")$/m.exec(client);
  if (line === null || !hasCopy) return { text: client, note: undefined };
  const before = JSON.parse(line[1] ?? '""') as string;
  if (existsSync(resolve(data, before))) return { text: client, note: undefined };
  return {
    text: client.replace(line[0], 'configuration: "chancery.yaml"'),
    note: `${before} is not on this host: the copy of the configuration ${join(data, 'chancery.yaml')} is used; see that its addresses, URLs and paths fit here`,
  };
}

function whatOpens(keys: string): string {
  const { kind, file, name } = rememberedSource(keys);
  const sealed = 'the keys are sealed, and what opens them is in no backup';
  if (kind === 'development') return `${sealed}: put keys/kek of the old folder back, with mode 0600`;
  if (kind === 'credential') return `${sealed}: the systemd credential ${name ?? ''}`;
  return `${sealed}: the passphrase${file === undefined ? '' : ` that was in ${file}`} (--passphrase-file FILE)`;
}

function clear({ data, run }: DataPaths): void {
  for (const folder of [...['keys', 'admin', 'db'].map((name) => join(data, name)), run]) {
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      rmSync(join(folder, basename(name)), { force: true });
    if (existsSync(folder)) rmdirSync(folder);
  }
  for (const name of ['roots.pem', 'audit.pub', 'chancery.yaml']) rmSync(join(data, name), { force: true });
}
