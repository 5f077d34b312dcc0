/**
 * A sealed file: a line that says what it is, a header that anybody may read and nobody may change, and the text in
 * chunks. Its master key is a passphrase's or a keyring's; the keys of header and text are derived for this file alone.
 *
 *   "chancery sealed\n" | length of the header, 4 octets | header, JSON | HMAC-SHA-256 of the header | chunks
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, equalSecret, fromBase64, sha256, toBase64 } from '../../x509/bytes.ts';
import { deriveKek, isSoundScrypt, readPassphrase, SCRYPT, type ScryptParameters } from './kek.ts';
import {
  CHUNK,
  NONCE_PREFIX,
  StreamFault,
  StreamOpener,
  StreamSealer,
  type StreamSecrets,
} from './sealed-stream.ts';

const MAGIC = Buffer.from('chancery sealed\n');
const FORMAT = 1;
const SALT = 32;
const MAC = 32;
const LARGEST_HEADER = 64 * 1024;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

export type SealedKind = 'backup' | 'database-copy';

/** What a header tells besides what opens the file: times, versions. Never a secret. */
export type SealedFacts = Readonly<Record<string, string | number>>;

/** The master key, and what the header says of it. */
export interface Master {
  readonly key: KeyObject;
  /** Absent where it is the keyring's sealing key. */
  readonly scrypt?: ScryptParameters;
}

export async function masterOfPassphrase(file: string, random: Random): Promise<Master> {
  const scrypt = { ...SCRYPT, salt: random.bytes(16) };
  return { key: await derive(file, scrypt), scrypt };
}

async function derive(file: string, scrypt: ScryptParameters): Promise<KeyObject> {
  const passphrase = readPassphrase({ kind: 'file', file });
  const key = await deriveKek(passphrase, scrypt);
  passphrase.fill(0);
  const master = createSecretKey(key);
  key.fill(0);
  return master;
}

interface Header {
  readonly format: number;
  readonly kind: string;
  readonly facts: SealedFacts;
  readonly scrypt?: { readonly N: number; readonly r: number; readonly p: number; readonly salt: string };
  readonly salt: string;
  readonly prefix: string;
}

const secretsOf = (master: KeyObject, salt: Bytes, prefix: Bytes, header: Bytes) => {
  const key = (use: string): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', master, salt, `chancery sealed file: ${use}`, 32)));
  return {
    mac: createHmac('sha256', key('header')).update(header).digest(),
    stream: { key: key('text'), prefix, associatedData: sha256(header) } satisfies StreamSecrets,
  };
};

/** Writes a new private file (0600). Everything is synchronous: a migration waits for it. */
export class SealedWriter {
  readonly #descriptor: number;
  readonly #sealer: StreamSealer;

  /** Throws what the system says, e.g. EEXIST. */
  constructor(path: string, kind: SealedKind, facts: SealedFacts, master: Master, random: Random) {
    const [salt, prefix] = [random.bytes(SALT), random.bytes(NONCE_PREFIX)];
    const { scrypt } = master;
    const header: Header = {
      format: FORMAT,
      kind,
      facts,
      ...(scrypt && { scrypt: { N: scrypt.N, r: scrypt.r, p: scrypt.p, salt: toBase64(scrypt.salt) } }),
      salt: toBase64(salt),
      prefix: toBase64(prefix),
    };
    const text = Buffer.from(JSON.stringify(header));
    const { mac, stream } = secretsOf(master.key, salt, prefix, text);
    this.#sealer = new StreamSealer(stream);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    this.#descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#put(Buffer.concat([MAGIC, length, text, mac]));
  }

  write(text: Bytes): void {
    this.#put(this.#sealer.push(text));
  }

  /** Durable when it returns. */
  finish(): void {
    this.#put(this.#sealer.finish());
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }

  abandon(): void {
    closeSync(this.#descriptor);
  }

  #put(octets: Bytes): void {
    for (let at = 0; at < octets.length;) at += writeSync(this.#descriptor, octets, at);
  }
}

/** What opens a file: the passphrase that it was sealed under, or the keyring. */
export type Opening = { readonly passphraseFile: string } | { readonly sealingKey: KeyObject };

export interface SealedFile {
  readonly facts: SealedFacts;
  /** The text, piece by piece, each authentic. Read it to its end: only then nothing was cut off. Throws `damaged_backup`. */
  readonly text: () => Generator<Bytes>;
}

/** Throws `damaged_backup`, `wrong_passphrase`, `invalid_configuration`, or what the system says. */
export async function openSealedFile(path: string, kind: SealedKind, opening: Opening): Promise<SealedFile> {
  const begin = readBegin(path);
  const header = parseHeader(begin.header);
  if (header === undefined) throw damaged(path, 'its header is not as it was written');
  if (header.kind !== kind) throw damaged(path, `it is a ${header.kind}, not a ${kind}`);
  const scrypt = header.scrypt && { ...header.scrypt, salt: octets(header.scrypt.salt) };
  if ('passphraseFile' in opening ? scrypt === undefined || !isSoundScrypt(scrypt) : scrypt !== undefined)
    throw damaged(path, 'its header does not say what opens it');
  const master =
    'passphraseFile' in opening && scrypt !== undefined
      ? await derive(opening.passphraseFile, scrypt)
      : (opening as { sealingKey: KeyObject }).sealingKey;
  const { mac, stream } = secretsOf(master, octets(header.salt), octets(header.prefix), begin.header);
  if (!equalSecret(mac, begin.mac))
    throw new ChanceryError('wrong_passphrase', {
      message: `${path} does not open with ${'passphraseFile' in opening ? `the passphrase in ${opening.passphraseFile}` : 'this keyring'}, or its header was changed`,
      rule: 'a sealed file opens only with what it was sealed under',
      fix:
        'passphraseFile' in opening
          ? 'Name the passphrase of this backup: --passphrase-file FILE.'
          : 'Name the data folder that it was made in: --data DIR.',
    });
  return { facts: header.facts, text: () => readText(path, begin.length, stream) };
}

export const damaged = (path: string, fault: string): ChanceryError =>
  new ChanceryError('damaged_backup', {
    message: `${path} cannot be used: ${fault}`,
    rule: 'a sealed file is opened as it was written, or not at all',
    fix: 'Take another copy of it, or another backup.',
  });

const octets = (text: unknown): Bytes =>
  (typeof text === 'string' ? fromBase64(text) : undefined) ?? new Uint8Array(0);

function parseHeader(text: Bytes): Header | undefined {
  try {
    const header = JSON.parse(Buffer.from(text).toString('utf8')) as Partial<Header> | null;
    const sound =
      header?.format === FORMAT &&
      typeof header.kind === 'string' &&
      typeof header.facts === 'object' &&
      octets(header.salt).length === SALT &&
      octets(header.prefix).length === NONCE_PREFIX;
    return sound ? (header as Header) : undefined;
  } catch {
    return undefined;
  }
}

interface Begin {
  readonly header: Bytes;
  readonly mac: Bytes;
  /** Where the chunks begin. */
  readonly length: number;
}

function readBegin(path: string): Begin {
  const descriptor = openSync(path, O_RDONLY);
  try {
    const start = readAt(descriptor, 0, MAGIC.length + 4);
    if (!start.subarray(0, MAGIC.length).equals(MAGIC))
      throw damaged(path, 'it is no sealed file of Chancery');
    const size = start.length === MAGIC.length + 4 ? start.readUInt32BE(MAGIC.length) : LARGEST_HEADER + 1;
    if (size > LARGEST_HEADER) throw damaged(path, 'its header is not as it was written');
    const rest = readAt(descriptor, start.length, size + MAC);
    if (rest.length < size + MAC) throw damaged(path, 'it is cut off within its header');
    return { header: rest.subarray(0, size), mac: rest.subarray(size), length: start.length + rest.length };
  } finally {
    closeSync(descriptor);
  }
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let at = 0;
  for (let read = -1; read !== 0 && at < length; at += read)
    read = readSync(descriptor, buffer, at, length - at, position + at);
  return buffer.subarray(0, at);
}

function* readText(path: string, from: number, secrets: StreamSecrets): Generator<Bytes> {
  const opener = new StreamOpener(secrets);
  const descriptor = openSync(path, O_RDONLY);
  try {
    for (let position = from; ;) {
      const piece = readAt(descriptor, position, 16 * CHUNK);
      if (piece.length === 0) break;
      position += piece.length;
      yield opener.push(piece);
    }
    yield opener.finish();
  } catch (error) {
    throw error instanceof StreamFault ? damaged(path, error.message) : error;
  } finally {
    closeSync(descriptor);
  }
}
