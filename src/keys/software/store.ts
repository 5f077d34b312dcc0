/** Keys in files, sealed: `<data>/keys/<id>.key.json`. The default backend. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import {
  generateKeyPair,
  importPkcs8,
  type KeyAlgorithm,
  keyAlgorithmOf,
  type KeyPair,
} from '../../x509/key-pair.ts';
import type { SigningKey, SigningKeys } from '../signing-keys.ts';
import type { Keyring } from './keyring.ts';
import { KEY_FILE_SUFFIX, openKeyFile, sealKeyFile } from './key-file.ts';
import { readPrivateFile, removePrivateFile, writePrivateFile } from './private-files.ts';
import { signingKeyOf } from './signing-key.ts';

/** Also a file name: no path, no upper case that some file systems would fold. */
const KEY_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;

export interface SoftwareKeysOptions {
  /** The folder that the keyring is in. */
  readonly folder: string;
  readonly keyring: Keyring;
  readonly random: Random;
}

export class SoftwareKeys implements SigningKeys {
  readonly #options: SoftwareKeysOptions;
  readonly #opened = new Map<string, SigningKey>();

  constructor(options: SoftwareKeysOptions) {
    this.#options = options;
  }

  async generate(id: string, algorithm: KeyAlgorithm): Promise<SigningKey> {
    const path = this.#path(id);
    const { keyring, random } = this.#options;
    const pair = await generateKeyPair(algorithm);
    await writePrivateFile(path, sealKeyFile(keyring.sealingKey, id, algorithm, pair, random));
    return this.#remember(id, pair);
  }

  async import(id: string, pkcs8: Bytes): Promise<SigningKey> {
    const path = this.#path(id);
    const pair = importPkcs8(pkcs8);
    const algorithm = keyAlgorithmOf(pair.publicKey);
    if (this.list().includes(id)) {
      const there = this.open(id);
      if (equal(there.publicKey.spki, pair.publicKey.spki)) return there;
    }
    const { keyring, random } = this.#options;
    await writePrivateFile(path, sealKeyFile(keyring.sealingKey, id, algorithm, pair, random));
    return this.#remember(id, pair);
  }

  open(id: string): SigningKey {
    return this.#opened.get(id) ?? this.#read(id);
  }

  list(): readonly string[] {
    return readdirSync(this.#options.folder)
      .filter((name) => name.endsWith(KEY_FILE_SUFFIX) && !name.startsWith('.'))
      .map((name) => name.slice(0, -KEY_FILE_SUFFIX.length))
      .sort();
  }

  async forget(id: string): Promise<void> {
    const path = this.#path(id);
    this.#opened.delete(id);
    await removePrivateFile(path);
  }

  #read(id: string): SigningKey {
    const path = this.#path(id);
    const text = readPrivateFile(path)?.toString('utf8');
    if (text === undefined)
      throw new ChanceryError('not_found', {
        message: `there is no key ${id} in ${this.#options.folder}`,
        rule: 'a key is opened where it was made',
        fix: 'Restore the keys folder from a backup.',
      });
    return this.#remember(id, openKeyFile(this.#options.keyring.sealingKey, id, text, path));
  }

  #remember(id: string, pair: KeyPair): SigningKey {
    const key = signingKeyOf(id, pair);
    this.#opened.set(id, key);
    return key;
  }

  #path(id: string): string {
    if (KEY_ID.test(id)) return join(this.#options.folder, `${id}${KEY_FILE_SUFFIX}`);
    throw new ChanceryError('invalid_request', {
      message: `${JSON.stringify(id.slice(0, 120))} is no id for a key`,
      rule: 'lower-case letters, digits, dots, dashes and underscores, at most 100',
      fix: 'Choose another id.',
    });
  }
}
