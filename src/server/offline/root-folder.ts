/** The folder of offline roots: `<root>.root.json` (the sealed key), `.root.pem` (the certificate), `.root.log`. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { TrustDomain } from '../../domain/identity/spiffe-id.ts';
import { prepareRoot, rootName, signCaCertificate } from '../../domain/issuance/hierarchy.ts';
import { newSerial } from '../../domain/issuance/serial.ts';
import {
  makeFolder,
  openRootFile,
  type OpenedRoot,
  readPassphrase,
  readPrivateFile,
  sealRootFile,
  signingKeyOf,
  writePrivateFile,
} from '../../keys/software/index.ts';
import type { SigningKey } from '../../keys/signing-keys.ts';
import { type Bytes, toBase64 } from '../../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../../x509/certificate.ts';
import { generateKeyPair } from '../../x509/key-pair.ts';
import { formatName } from '../../x509/name.ts';
import { encodePem } from '../../x509/pem.ts';
import { RootLog, type RootLogEntry } from './root-log.ts';

/** A root whose key is open in memory. */
export interface OfflineRoot extends Omit<OpenedRoot, 'pair'> {
  readonly key: SigningKey;
  readonly log: RootLog;
  /** What a signer is asked with; knows this one key. */
  readonly keys: { open(id: string): SigningKey };
}

const KEY = '.root.json';
const ALGORITHM = 'ecdsa-p384';

/** Opens `<root>.root.json`. Throws `not_found`, `unsafe_files`, `wrong_passphrase`, `damaged_key`. */
export async function openOfflineRoot(path: string, passphraseFile: string): Promise<OfflineRoot> {
  const text = readPrivateFile(path)?.toString('utf8');
  if (text === undefined)
    throw new ChanceryError('not_found', {
      message: `there is no ${path}`,
      rule: 'the key of an offline root is the file <root>.root.json that `init --root-key-out` wrote',
      fix: 'Name it: --root-key FILE.',
    });
  const passphrase = readPassphrase({ kind: 'file', file: passphraseFile });
  try {
    return toRoot(await openRootFile(text, passphrase, path), path);
  } finally {
    passphrase.fill(0);
  }
}

function toRoot({ pair, ...identity }: OpenedRoot, path: string): OfflineRoot {
  const key = signingKeyOf(`root-${identity.name}`, pair);
  return {
    ...identity,
    key,
    log: new RootLog(`${path.slice(0, -KEY.length)}.root.log`),
    keys: { open: () => key },
  };
}

export interface NewRoot {
  readonly line: string;
  readonly number: number;
  readonly trustDomain: TrustDomain;
  readonly statusUrl: string;
  readonly now: Instant;
}

/** Where roots go when they are made, and what seals them. */
export class RootFolder {
  readonly #folder: string;
  readonly #passphraseFile: string;
  readonly #random: Random;

  private constructor(folder: string, passphraseFile: string, random: Random) {
    this.#folder = folder;
    this.#passphraseFile = passphraseFile;
    this.#random = random;
  }

  /** Makes the folder (0700), and a passphrase where no file with one is named. Throws `invalid_configuration`. */
  static async at(
    folder: string,
    options: { readonly data: string; readonly passphraseFile: string | undefined; readonly random: Random },
  ): Promise<{ readonly roots: RootFolder; readonly warnings: readonly string[] }> {
    const { data, random } = options;
    const path = resolve(folder);
    refuseInside(path, data);
    await makeFolder(path);
    if (options.passphraseFile !== undefined)
      return { roots: new RootFolder(path, options.passphraseFile, random), warnings: [] };
    const made = join(path, 'root-passphrase');
    if (!existsSync(made)) await writePrivateFile(made, `${toBase64(random.bytes(24))}\n`);
    return {
      roots: new RootFolder(path, made, random),
      warnings: [
        `the roots are sealed under ${made}, which lies beside them: keep it elsewhere, or seal them with --root-passphrase-file`,
      ],
    };
  }

  /** The folder of a root that is there already; its successor is sealed under the same passphrase. */
  static beside(path: string, passphraseFile: string, random: Random): RootFolder {
    return new RootFolder(dirname(resolve(path)), passphraseFile, random);
  }

  /** Where the sealed key or the certificate of a root lies. */
  pathOf(name: string, what: 'json' | 'pem'): string {
    return join(this.#folder, `${name}.root.${what}`);
  }

  /** `undefined` where it does not lie there. */
  async open(name: string): Promise<OfflineRoot | undefined> {
    const path = join(this.#folder, `${name}${KEY}`);
    return existsSync(path) ? openOfflineRoot(path, this.#passphraseFile) : undefined;
  }

  /** The root of that name as it lies there, made where it does not: what was cut off is taken up again. */
  async ensure(wanted: NewRoot): Promise<OfflineRoot> {
    const name = rootName(wanted.line, wanted.number);
    const there = await this.open(name);
    if (there !== undefined) return there;
    const path = join(this.#folder, `${name}${KEY}`);
    const pair = await generateKeyPair(ALGORITHM);
    const key = signingKeyOf(`root-${name}`, pair);
    const { line, number, trustDomain, statusUrl, now } = wanted;
    const prepared = prepareRoot({
      root: line,
      number,
      serial: newSerial(this.#random),
      publicKey: pair.publicKey,
      trustDomain,
      now,
    });
    const certificate = signCaCertificate(signerOf(key), key.id, prepared);
    const identity = {
      name,
      line,
      number,
      trustDomain,
      statusUrl,
      algorithm: ALGORITHM,
      certificate,
    } as const;
    const passphrase = readPassphrase({ kind: 'file', file: this.#passphraseFile });
    const text = await sealRootFile(identity, pair, passphrase, this.#random);
    passphrase.fill(0);
    await writePrivateFile(path, text);
    await writePrivateFile(join(this.#folder, `${name}.root.pem`), encodePem('CERTIFICATE', certificate), {
      mode: 0o644,
      replace: true,
    });
    const root = toRoot({ ...identity, pair }, path);
    root.log.append(certificateEntry(certificate, now));
    return root;
  }
}

/** Before the certificate has a name for its own signer, the key signs for itself. */
const signerOf = (key: SigningKey): Parameters<typeof signCaCertificate>[0] => ({
  sign(_keyId, prepared) {
    const tbs = prepared.redeem();
    return { tbs, signature: key.sign(tbs) };
  },
});

export function certificateEntry(der: Bytes, now: Instant): RootLogEntry {
  const certificate = readCertificate(der);
  return {
    time: formatInstant(now),
    kind: 'certificate',
    subject: formatName(certificate.subject),
    serial: formatSerial(certificate.serial),
    fingerprint: certificateFingerprint(der),
    notAfter: formatInstant(certificate.notAfter),
  };
}

/** The longest part of a path that exists, with symbolic links followed. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), relative(parent, path));
}

function refuseInside(folder: string, data: string): void {
  const inside = relative(realPath(resolve(data)), realPath(folder));
  if (inside !== '' && (inside.startsWith('..') || resolve(inside) === inside)) return;
  throw new ChanceryError('invalid_configuration', {
    message: `--root-key-out ${folder} is in the data folder ${data}`,
    rule: 'the key of an offline root is never in the data folder',
    fix: 'Name a folder on a medium that you take away.',
  });
}
