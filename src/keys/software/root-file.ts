/**
 * The key of an offline root as one file: sealed under a passphrase of its own (scrypt, AES-256-GCM), with everything
 * that is needed to sign on a machine that knows nothing of the server. All of it is vouched for by the seal.
 */
import { createSecretKey } from 'node:crypto';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, equal, fromUtf8, sha256, toBase64, toHex } from '../../x509/bytes.ts';
import {
  exportPkcs8,
  importPkcs8,
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  type KeyPair,
} from '../../x509/key-pair.ts';
import { deriveKek, isSoundScrypt, SCRYPT, type ScryptParameters } from './kek.ts';
import { openBox, readBox, sealBox, type SealedBox, toBoxJson } from './sealed-box.ts';

const FORMAT = 1;

export interface RootIdentity {
  /** `internal`, `internal-r2` */
  readonly name: string;
  /** `internal` */
  readonly line: string;
  readonly number: number;
  readonly trustDomain: string;
  /** Where relying parties find CRLs and CA certificates. */
  readonly statusUrl: string;
  readonly algorithm: KeyAlgorithm;
  /** DER of the root's certificate. */
  readonly certificate: Bytes;
}

export interface OpenedRoot extends RootIdentity {
  readonly pair: KeyPair;
}

interface RootFile extends RootIdentity {
  readonly spki: Bytes;
  readonly scrypt: ScryptParameters;
  readonly sealed: SealedBox;
}

export async function sealRootFile(
  identity: RootIdentity,
  pair: KeyPair,
  passphrase: Bytes,
  random: Random,
): Promise<string> {
  const scrypt = { ...SCRYPT, salt: random.bytes(16) };
  const { spki } = pair.publicKey;
  const kek = await deriveKek(passphrase, scrypt);
  const pkcs8 = exportPkcs8(pair.privateKey);
  const sealed = sealBox(createSecretKey(kek), pkcs8, vouchedFor({ ...identity, spki, scrypt }), random);
  pkcs8.fill(0);
  kek.fill(0);
  return render({ ...identity, spki, scrypt, sealed });
}

/** Throws `damaged_key` for a file that is not as it was written, `wrong_passphrase` for one that does not open. */
export async function openRootFile(text: string, passphrase: Bytes, path: string): Promise<OpenedRoot> {
  const file = parse(text);
  if (file === undefined || render(file) !== text)
    throw new ChanceryError('damaged_key', {
      message: `${path} is no key of a root, or not as it was written`,
      rule: `a root's key of format ${FORMAT}, as \`init --root-key-out\` wrote it`,
      fix: 'Name the file <root>.root.json, or restore it from a backup.',
    });
  const kek = await deriveKek(passphrase, file.scrypt);
  const pkcs8 = openBox(createSecretKey(kek), file.sealed, vouchedFor(file));
  kek.fill(0);
  if (pkcs8 === undefined)
    throw new ChanceryError('wrong_passphrase', {
      message: `the passphrase does not open ${path}, or the file was changed`,
      rule: 'the key of a root opens with the passphrase that it was sealed under, and only as it was written',
      fix: 'Name the file with the right passphrase: --passphrase-file FILE.',
    });
  const pair = importPkcs8(pkcs8);
  pkcs8.fill(0);
  if (!equal(pair.publicKey.spki, file.spki))
    throw new ChanceryError('damaged_key', {
      message: `the private key in ${path} is of another public key`,
      rule: 'a key file is opened as it was sealed',
      fix: 'Restore it from a backup.',
    });
  const { name, line, number, trustDomain, statusUrl, algorithm, certificate } = file;
  return { name, line, number, trustDomain, statusUrl, algorithm, certificate, pair };
}

const scryptJson = ({ N, r, p, salt }: ScryptParameters) => ({ N, r, p, salt: toBase64(salt) });

const vouchedFor = (file: Omit<RootFile, 'sealed'>): Bytes =>
  fromUtf8(
    JSON.stringify([
      'chancery root',
      FORMAT,
      ...[file.name, file.line, file.number, file.trustDomain, file.statusUrl, file.algorithm],
      toHex(sha256(file.spki)),
      toHex(sha256(file.certificate)),
      scryptJson(file.scrypt),
    ]),
  );

const render = (file: RootFile): string =>
  `${JSON.stringify(
    {
      format: FORMAT,
      name: file.name,
      line: file.line,
      number: file.number,
      trustDomain: file.trustDomain,
      statusUrl: file.statusUrl,
      algorithm: file.algorithm,
      certificate: toBase64(file.certificate),
      publicKey: toBase64(file.spki),
      scrypt: scryptJson(file.scrypt),
      sealed: toBoxJson(file.sealed),
    },
    null,
    2,
  )}\n`;

type Raw = { readonly [field in keyof RootIdentity | 'publicKey' | 'scrypt' | 'sealed']?: unknown };

/** What the file says; that it is what we write, rendering it again shows. */
function parse(text: string): RootFile | undefined {
  let raw: Raw | null;
  try {
    raw = JSON.parse(text) as Raw | null;
  } catch {
    return undefined;
  }
  const { N, r, p, salt } = (raw?.scrypt ?? {}) as { N?: unknown; r?: unknown; p?: unknown; salt?: unknown };
  const scrypt = { N: Number(N), r: Number(r), p: Number(p), salt: octets(salt) };
  const algorithm = KEY_ALGORITHMS.find((known) => known === raw?.algorithm);
  const sealed = readBox(raw?.sealed);
  const texts = [raw?.name, raw?.line, raw?.trustDomain, raw?.statusUrl];
  if (algorithm === undefined || sealed === undefined || !isSoundScrypt(scrypt)) return undefined;
  if (typeof raw?.number !== 'number' || !texts.every((value) => typeof value === 'string')) return undefined;
  const [name = '', line = '', trustDomain = '', statusUrl = ''] = texts;
  return {
    ...{ name, line, number: raw.number, trustDomain, statusUrl, algorithm, scrypt, sealed },
    certificate: octets(raw.certificate),
    spki: octets(raw.publicKey),
  };
}

const octets = (value: unknown): Bytes =>
  typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
