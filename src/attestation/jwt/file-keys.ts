/** A provider's keys in a file. It is read again when it changes; what cannot be read then is told, and the last set goes on for an hour. */
import { readFileSync, statSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';
import { type Clock, formatInstant, HOUR, type Instant, SECOND } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type KeySet, MAX_KEY_SET_OCTETS, parseKeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';

const USABLE = HOUR;
const LOOK_EVERY = SECOND;

export interface FileKeysOptions {
  readonly name: string;
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class FileKeys implements KeySource {
  readonly #options: FileKeysOptions;
  #keys: KeySet;
  #version: string;
  /** When the file was last seen to be the one that `#keys` are of. */
  #goodAt: Instant;
  #lookedAt: Instant;
  #reason = '';

  /** Throws an Error that says what is wrong with the file. */
  constructor(options: FileKeysOptions) {
    this.#options = options;
    this.#version = versionOf(options.file);
    this.#keys = readKeySet(options.file);
    this.#goodAt = this.#lookedAt = options.clock.now();
  }

  async current(): Promise<KeySet> {
    const now = this.#options.clock.now();
    if (now < this.#lookedAt || now - this.#lookedAt >= LOOK_EVERY) this.#look(now);
    if (now - this.#goodAt < USABLE) return this.#keys;
    const { name, file } = this.#options;
    throw new ChanceryError('login_provider_unavailable', {
      message: `the keys of the login provider ${name} cannot be had: ${file}: ${this.#reason}; the last ones are of ${formatInstant(this.#goodAt)}`,
      rule: 'a key set that cannot be read any more is used for an hour, no longer',
      fix: 'Tell an operator: the file needs a look.',
    });
  }

  again(): Promise<KeySet> {
    return this.current();
  }

  #look(now: Instant): void {
    const { name, file, log } = this.#options;
    this.#lookedAt = now;
    try {
      const version = versionOf(file);
      if (version !== this.#version) {
        this.#keys = readKeySet(file);
        this.#version = version;
      }
      this.#goodAt = now;
      this.#reason = '';
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#reason)
        log.warn('the key set of a login provider cannot be read', { provider: name, file, reason });
      this.#reason = reason;
    }
  }
}

function versionOf(file: string): string {
  const { mtimeMs, ctimeMs, size, ino } = statSync(file);
  if (size > MAX_KEY_SET_OCTETS) throw new Error(`the file has over ${MAX_KEY_SET_OCTETS} octets`);
  return [mtimeMs, ctimeMs, size, ino].join(' ');
}

const readKeySet = (file: string): KeySet => parseKeySet(readFileSync(file, 'utf8'));
