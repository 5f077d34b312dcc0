/**
 * A sealed key as a file. Only the private key is encrypted; id, algorithm and public key can be read and are vouched
 * for by the seal. A file is taken only if it is, octet by octet, what we would have written.
 */
import type { KeyObject } from 'node:crypto';
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
import { openBox, readBox, sealBox, type SealedBox, toBoxJson } from './sealed-box.ts';

export const KEY_FILE_SUFFIX = '.key.json';

const FORMAT = 1;

interface KeyFile {
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  /** The DER of the SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  readonly sealed: SealedBox;
}

export function sealKeyFile(
  sealingKey: KeyObject,
  id: string,
  algorithm: KeyAlgorithm,
  pair: KeyPair,
  random: Random,
): string {
  const { spki } = pair.publicKey;
  const pkcs8 = exportPkcs8(pair.privateKey);
  const sealed = sealBox(sealingKey, pkcs8, associatedData({ id, algorithm, spki }), random);
  pkcs8.fill(0);
  return render({ id, algorithm, spki, sealed });
}

/** Opens what `sealKeyFile` wrote under the same id. Throws `damaged_key`, which says what is wrong. */
export function openKeyFile(sealingKey: KeyObject, id: string, text: string, path: string): KeyPair {
  const file = parse(text);
  if (file === undefined || render(file) !== text) throw damaged(path, 'it is not as it was written');
  if (file.id !== id) throw damaged(path, `it holds the key ${JSON.stringify(file.id)}`);
  const pkcs8 = openBox(sealingKey, file.sealed, associatedData(file));
  if (pkcs8 === undefined) throw damaged(path, 'its seal is broken, or it was sealed under another keyring');
  const pair = importPkcs8(pkcs8);
  pkcs8.fill(0);
  if (!equal(pair.publicKey.spki, file.spki)) throw damaged(path, 'its private key is of another public key');
  return pair;
}

const damaged = (path: string, fault: string): ChanceryError =>
  new ChanceryError('damaged_key', {
    message: `the key file ${path} cannot be used: ${fault}`,
    rule: 'a key file is opened as it was sealed, under its own name',
    fix: 'Restore it from a backup.',
  });

const associatedData = ({ id, algorithm, spki }: Omit<KeyFile, 'sealed'>): Bytes =>
  fromUtf8(JSON.stringify(['chancery key', FORMAT, id, algorithm, toHex(sha256(spki))]));

const render = ({ id, algorithm, spki, sealed }: KeyFile): string =>
  `${JSON.stringify({ format: FORMAT, id, algorithm, publicKey: toBase64(spki), sealed: toBoxJson(sealed) }, null, 2)}\n`;

/** What the file says, unchecked but for its types. */
function parse(text: string): KeyFile | undefined {
  let raw: { readonly [name in 'id' | 'algorithm' | 'publicKey' | 'sealed']?: unknown } | null;
  try {
    raw = JSON.parse(text) as typeof raw;
  } catch {
    return undefined;
  }
  const { id, algorithm, publicKey, sealed } = raw ?? {};
  const known = KEY_ALGORITHMS.find((name) => name === algorithm);
  const box = readBox(sealed);
  if (typeof id !== 'string' || known === undefined || typeof publicKey !== 'string' || box === undefined)
    return undefined;
  return { id, algorithm: known, spki: Buffer.from(publicKey, 'base64'), sealed: box };
}
