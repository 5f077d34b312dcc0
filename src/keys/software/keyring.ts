/**
 * keyring.json: the key that seals all others, itself wrapped by the key-encryption key, and how that one is had.
 * Unwrapping tells a wrong passphrase before any key is touched; another passphrase means writing one small file.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, fromUtf8, toBase64 } from '../../x509/bytes.ts';
import {
  createDevelopmentKek,
  deriveKek,
  isReadableByAll,
  isSoundScrypt,
  KEK_OCTETS,
  type KeySource,
  readDevelopmentKek,
  readPassphrase,
  SCRYPT,
  type ScryptParameters,
} from './kek.ts';
import { KEY_FILE_SUFFIX } from './key-file.ts';
import { makeFolder, readPrivateFile, writePrivateFile } from './private-files.ts';
import { openBox, readBox, sealBox, type SealedBox, toBoxJson } from './sealed-box.ts';

/** The keyring, unlocked. */
export interface Keyring {
  /** Seals and opens the key files. */
  readonly sealingKey: KeyObject;
  /** The key-encryption key lies beside the keys: no protection, for development only. */
  readonly development: boolean;
  /** To be said at every start. */
  readonly warnings: readonly string[];
}

const FORMAT = 1;
const FILE = 'keyring.json';
const DEVELOPMENT_FILE = 'kek';

/** What keyring.json says. `source.file` is absent where the passphrase came through a pipe. */
export interface KeyringRecord {
  readonly source: { readonly kind: KeySource['kind']; readonly name?: string; readonly file?: string };
  readonly scrypt: ScryptParameters | undefined;
  readonly wrapped: SealedBox;
}

/** Makes the keyring in the keys folder, and the folder. Throws `already_exists`, `invalid_configuration`. */
export async function createKeyring(folder: string, source: KeySource, random: Random): Promise<Keyring> {
  const path = join(folder, FILE);
  await makeFolder(folder);
  if (readPrivateFile(path) !== undefined)
    throw new ChanceryError('already_exists', {
      message: `${path} is there already`,
      rule: 'keys are never overwritten',
      fix: 'Use another data folder, or start the server on this one.',
    });
  refuseOrphans(folder);
  const scrypt = source.kind === 'development' ? undefined : { ...SCRYPT, salt: random.bytes(16) };
  const kek =
    scrypt === undefined
      ? await createDevelopmentKek(join(folder, DEVELOPMENT_FILE), random)
      : await deriveFrom(source, scrypt);
  const sealing = random.bytes(KEK_OCTETS);
  const wrapped = sealBox(createSecretKey(kek), sealing, associatedData(scrypt), random);
  await writePrivateFile(path, render({ source: remember(source), scrypt, wrapped }));
  kek.fill(0);
  return unlocked(folder, sealing, source);
}

/**
 * Unlocks the keyring with the source that is given, else with the one that `init` used. Throws `no_authority` when
 * there is no keyring, `wrong_passphrase`, `invalid_configuration`, `damaged_key`, `unsafe_files`.
 */
export async function openKeyring(folder: string, given?: KeySource): Promise<Keyring> {
  const path = join(folder, FILE);
  const record = readKeyring(path);
  const source = given ?? recall(record, path);
  if ((source.kind === 'development') !== (record.scrypt === undefined))
    throw wrongPassphrase(
      `the keys in ${folder} were sealed ${describe(record.source.kind)}, not ${describe(source.kind)}`,
    );
  const kek =
    record.scrypt === undefined
      ? readDevelopmentKek(join(folder, DEVELOPMENT_FILE))
      : await deriveFrom(source, record.scrypt);
  const sealing = openBox(createSecretKey(kek), record.wrapped, associatedData(record.scrypt));
  kek.fill(0);
  if (sealing?.length !== KEK_OCTETS)
    throw wrongPassphrase(`${where(source, folder)} does not open the keys in ${folder}`);
  return unlocked(folder, sealing, source);
}

/** What a keyring was sealed under, as it remembers it: for who restores one and has to bring it. Throws like `openKeyring`. */
export const rememberedSource = (folder: string): KeyringRecord['source'] =>
  readKeyring(join(folder, FILE)).source;

/** Keys whose keyring is gone are lost under another one: whoever has a backup must not be led past it. */
function refuseOrphans(folder: string): void {
  const orphan = readdirSync(folder).find((name) => name.endsWith(KEY_FILE_SUFFIX));
  if (orphan === undefined) return;
  throw new ChanceryError('damaged_key', {
    message: `${folder} holds sealed keys (${orphan}), and their keyring is gone`,
    rule: 'sealed keys open only with the keyring that they were sealed under',
    fix: `Restore ${FILE} from a backup, or use another data folder.`,
  });
}

async function deriveFrom(source: KeySource, scrypt: ScryptParameters): Promise<Buffer> {
  if (source.kind === 'development') throw new Error('a development key is not derived');
  const passphrase = readPassphrase(source);
  try {
    return await deriveKek(passphrase, scrypt);
  } finally {
    passphrase.fill(0);
  }
}

function unlocked(folder: string, sealing: Bytes, source: KeySource): Keyring {
  const sealingKey = createSecretKey(sealing);
  sealing.fill(0);
  const development = source.kind === 'development';
  const open = !development && source.file !== undefined && isReadableByAll(source.file);
  const warnings = [
    ...(development
      ? [
          `the keys are sealed under the development file ${join(folder, DEVELOPMENT_FILE)}, which lies beside them: for production, init with --passphrase-file`,
        ]
      : []),
    ...(open
      ? [`every user of this host may read the passphrase file ${String(source.file)}: chmod 0600`]
      : []),
  ];
  return { sealingKey, development, warnings };
}

const describe = (kind: KeySource['kind']): string =>
  kind === 'development' ? 'under a development file' : 'with a passphrase';

function where(source: KeySource, folder: string): string {
  if (source.kind === 'development') return join(folder, DEVELOPMENT_FILE);
  return `the passphrase in ${String(source.file)}`;
}

const wrongPassphrase = (message: string): ChanceryError =>
  new ChanceryError('wrong_passphrase', {
    message,
    rule: 'the keys open only with the key-encryption key that they were sealed under',
    fix: 'Name the right one: keys.passphrase in the configuration, or --passphrase-file FILE.',
  });

function remember(source: KeySource): KeyringRecord['source'] {
  if (source.kind === 'development') return { kind: 'development' };
  const file = source.file === undefined ? undefined : resolve(source.file);
  // what came through a pipe cannot be found again
  const lasting =
    file !== undefined &&
    lstatSync(file, { throwIfNoEntry: false }) !== undefined &&
    !file.startsWith('/dev/') &&
    !file.startsWith('/proc/');
  return {
    kind: source.kind,
    ...(source.kind === 'credential' && { name: source.name }),
    ...(lasting && { file }),
  };
}

function recall({ source }: KeyringRecord, path: string): KeySource {
  const { kind, file, name } = source;
  if (kind === 'development') return { kind };
  if (kind === 'credential') return { kind, name: name ?? '', file };
  if (file !== undefined) return { kind, file };
  throw new ChanceryError('invalid_configuration', {
    message: `${path} does not say where the passphrase is`,
    rule: 'a passphrase that was given through a pipe has to be given again',
    fix: 'Add --passphrase-file FILE.',
  });
}

const scryptJson = (scrypt: ScryptParameters) => ({
  N: scrypt.N,
  r: scrypt.r,
  p: scrypt.p,
  salt: toBase64(scrypt.salt),
});

/** What the wrapping vouches for besides the key: nobody can swap the parameters. */
const associatedData = (scrypt: ScryptParameters | undefined): Bytes =>
  fromUtf8(JSON.stringify(['chancery keyring', FORMAT, scrypt === undefined ? null : scryptJson(scrypt)]));

const render = ({ source, scrypt, wrapped }: KeyringRecord): string =>
  `${JSON.stringify({ format: FORMAT, source, ...(scrypt && { scrypt: scryptJson(scrypt) }), wrapped: toBoxJson(wrapped) }, null, 2)}\n`;

function readKeyring(path: string): KeyringRecord {
  const text = readPrivateFile(path)?.toString('utf8');
  if (text === undefined)
    throw new ChanceryError('no_authority', {
      message: `there is no keyring ${path}`,
      rule: 'only `init` and `dev` make one',
      fix: 'Run init, or is the volume mounted?',
    });
  const record = parseKeyring(text);
  if (record !== undefined) return record;
  throw new ChanceryError('damaged_key', {
    message: `${path} is damaged`,
    rule: `a keyring of format ${FORMAT}, as init wrote it`,
    fix: 'Restore it from a backup.',
  });
}

interface RawKeyring {
  readonly format?: unknown;
  readonly source?: { readonly kind?: unknown; readonly name?: unknown; readonly file?: unknown };
  readonly scrypt?: {
    readonly N?: unknown;
    readonly r?: unknown;
    readonly p?: unknown;
    readonly salt?: unknown;
  };
  readonly wrapped?: unknown;
}

function parseKeyring(text: string): KeyringRecord | undefined {
  const raw = parseJson(text);
  const wrapped = readBox(raw?.wrapped);
  const kind = (['file', 'credential', 'development'] as const).find((known) => known === raw?.source?.kind);
  if (raw?.format !== FORMAT || wrapped === undefined || kind === undefined) return undefined;
  const { N, r, p, salt } = raw.scrypt ?? {};
  const scrypt = { N: Number(N), r: Number(r), p: Number(p), salt: Buffer.from(String(salt), 'base64') };
  if (kind === 'development' ? raw.scrypt !== undefined : !isSoundScrypt(scrypt)) return undefined;
  const { name, file } = raw.source ?? {};
  return {
    source: { kind, ...(typeof name === 'string' && { name }), ...(typeof file === 'string' && { file }) },
    scrypt: kind === 'development' ? undefined : scrypt,
    wrapped,
  };
}

function parseJson(text: string): RawKeyring | undefined {
  try {
    const raw: unknown = JSON.parse(text);
    return typeof raw === 'object' && raw !== null ? raw : undefined;
  } catch {
    return undefined;
  }
}
