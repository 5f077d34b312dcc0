/** The key-encryption key: 32 octets out of a passphrase, a systemd credential or a development file. */
import { scrypt } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, toBase64 } from '../../x509/bytes.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';

/** Where the key-encryption key comes from. `file` and `credential` hold a passphrase, `development` is made by `init`. */
export type KeySource =
  | { readonly kind: 'file'; readonly file: string }
  /** `file` is absent where no $CREDENTIALS_DIRECTORY was there to look in. */
  | { readonly kind: 'credential'; readonly name: string; readonly file: string | undefined }
  | { readonly kind: 'development' };

/** RFC 7914. 128 · N · r octets of memory: 128 MiB, about half a second. */
export interface ScryptParameters {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Bytes;
}

export const SCRYPT = { N: 2 ** 17, r: 8, p: 1 } as const;
/** What a keyring may ask for: less is weak, more would take the memory away. */
const SCRYPT_LIMITS = { min: 2 ** 15, max: 2 ** 20 } as const;
export const KEK_OCTETS = 32;
const MAX_PASSPHRASE_OCTETS = 64 * 1024;

export const isSoundScrypt = ({ N, r, p, salt }: ScryptParameters): boolean =>
  Number.isInteger(Math.log2(N)) &&
  N >= SCRYPT_LIMITS.min &&
  N <= SCRYPT_LIMITS.max &&
  r === 8 &&
  p >= 1 &&
  p <= 4 &&
  salt.length >= 16;

export function deriveKek(passphrase: Bytes, { N, r, p, salt }: ScryptParameters): Promise<Buffer> {
  const maxmem = 128 * N * r + 1024 * 1024;
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEK_OCTETS, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

const unusable = (message: string, fix: string): ChanceryError =>
  new ChanceryError('invalid_configuration', {
    message,
    rule: 'keys.passphrase is a file or a systemd credential with a passphrase in it',
    fix,
  });

/** The passphrase without its trailing line break. Throws `invalid_configuration`; no message quotes it. */
export function readPassphrase(source: Exclude<KeySource, { kind: 'development' }>): Buffer {
  if (source.file === undefined)
    throw unusable(
      `the systemd credential ${nameOf(source)} cannot be looked up: $CREDENTIALS_DIRECTORY is not set`,
      'Start the server from its unit (LoadCredential=), or name a file: --passphrase-file FILE.',
    );
  let content: Buffer;
  try {
    const { size } = statSync(source.file);
    if (size > MAX_PASSPHRASE_OCTETS)
      throw unusable(
        `${source.file} has ${size} octets, a passphrase at most ${MAX_PASSPHRASE_OCTETS}`,
        'Name the file with the passphrase.',
      );
    content = readFileSync(source.file);
  } catch (error) {
    if (error instanceof ChanceryError) throw error;
    throw unusable(
      `the passphrase file ${source.file} cannot be read: ${reason(error)}`,
      'Name a file that the server may read: --passphrase-file FILE.',
    );
  }
  const passphrase = withoutLineBreak(content);
  if (passphrase.length === 0)
    throw unusable(
      `the passphrase file ${source.file} is empty`,
      'Write a passphrase into it, e.g. `openssl rand -base64 24`.',
    );
  return passphrase;
}

const nameOf = (source: KeySource): string => (source.kind === 'credential' ? source.name : source.kind);
const reason = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'it is no file';

function withoutLineBreak(content: Buffer): Buffer {
  let end = content.length;
  while (end > 0 && (content[end - 1] === 0x0a || content[end - 1] === 0x0d)) end--;
  return content.subarray(0, end);
}

/** Whether others than owner and group may read the passphrase: worth a warning, since secret mounts often look so. */
export const isReadableByAll = (file: string): boolean => (statSync(file).mode & 0o004) !== 0;

/** Makes the development file; one that a broken-off `init` left behind is used. */
export async function createDevelopmentKek(path: string, random: Random): Promise<Buffer> {
  if (readPrivateFile(path) === undefined)
    await writePrivateFile(path, `${toBase64(random.bytes(KEK_OCTETS))}\n`);
  return readDevelopmentKek(path);
}

/** Throws `wrong_passphrase` when the file is missing or is not 32 octets in base64. */
export function readDevelopmentKek(path: string): Buffer {
  const content = readPrivateFile(path);
  const kek = Buffer.from(content?.toString('latin1') ?? '', 'base64');
  if (
    content !== undefined &&
    kek.length === KEK_OCTETS &&
    `${toBase64(kek)}\n` === content.toString('latin1')
  )
    return kek;
  throw new ChanceryError('wrong_passphrase', {
    message:
      content === undefined
        ? `the development key-encryption file ${path} is missing`
        : `${path} does not hold 32 octets in base64`,
    rule: 'the keys open only with the key-encryption key that they were sealed under',
    fix: 'Put the file back as `init` wrote it.',
  });
}
