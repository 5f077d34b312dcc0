/** Opens what is in a data folder: lock, keys, store, authority, audit trail. Used by the server and by `init`. */
import { join } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Configuration } from '../config/index.ts';
import { lockData } from '../db/sqlite/data-lock.ts';
import { openStore, type Store } from '../db/sqlite/index.ts';
import {
  checkPrivateFiles,
  createKeyring,
  type Keyring,
  type KeySource,
  openKeyring,
  SoftwareKeys,
} from '../keys/software/index.ts';
import type { SigningKey, SigningKeys } from '../keys/signing-keys.ts';
import { encodePem } from '../x509/pem.ts';
import { toHex } from '../x509/bytes.ts';
import { AuditFileSink } from '../telemetry/audit-file-sink.ts';
import { AuditTrail } from './audit-trail.ts';
import { Authority } from './authority.ts';
import { sealCopy } from './backup/sealed-copy.ts';
import { type DataPaths, dataPaths, writePublicFile } from './data.ts';
import { type JournalOptions, takeUpJournal } from './journal.ts';
import { headSigner } from './signers.ts';
import { systemClock, systemRandom } from './world.ts';

export interface OpenOptions {
  readonly config: Configuration;
  readonly log: Log;
  readonly onFatal: (error: ChanceryError) => void;
  /** `init` makes the keyring where there is none. */
  readonly createKeys: boolean;
  /** See `takeUpJournal`. */
  readonly acceptJournal?: JournalOptions['accept'];
}

export interface OpenedData {
  readonly paths: DataPaths;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyring: Keyring;
  readonly keys: SoftwareKeys;
  readonly auditKey: SigningKey;
  readonly store: Store;
  readonly authority: Authority;
  readonly trail: AuditTrail;
  close(): Promise<void>;
}

export async function openData({
  config,
  log,
  onFatal,
  createKeys,
  acceptJournal,
}: OpenOptions): Promise<OpenedData> {
  const paths = dataPaths(config.data);
  checkPrivateFiles(config.data);
  const lock = lockData(join(paths.run, 'lock'));
  if (lock === undefined)
    throw new ChanceryError('unsafe_files', {
      message: `another process works in ${config.data}`,
      rule: 'one server per data folder',
      fix: `Stop it first; its process id is in ${paths.pidFile}.`,
    });
  try {
    const clock = systemClock;
    const random = systemRandom();
    const keyring = await unlock(config, paths, random, createKeys);
    const keys = new SoftwareKeys({ folder: paths.keys, keyring, random });
    const auditKey = await ensureKey(keys, 'audit', 'ed25519');
    await writePublicFile(paths.auditKeyFile, encodePem('PUBLIC KEY', auditKey.publicKey.spki));
    let first: number | undefined;
    const store = openStore({
      file: config.database.sqlite,
      clock,
      log,
      onFatal,
      beforeMigration(from, to) {
        const copy = sealCopy(config.database.sqlite, keyring, random, from, to, (first ??= to));
        log.info('made a sealed copy of the database before its migration', { copy, schema: from });
      },
    });
    const sinks = config.audit.sinks.map(
      ({ file, required }) =>
        new AuditFileSink({
          path: file,
          required,
          source: store.audit,
          trustDomain: config.trustDomain,
          keyId: toHex(auditKey.publicKey.fingerprint),
          log,
        }),
    );
    const trail = new AuditTrail({
      store,
      sinks,
      signer: headSigner(auditKey),
      trustDomain: config.trustDomain,
      clock,
      headInterval: config.audit.headInterval,
      log,
    });
    const journal = await takeUpJournal({
      configuration: config.journal,
      store,
      trustDomain: config.trustDomain,
      auditKey: toHex(auditKey.publicKey.fingerprint),
      ...{ clock, random, log, accept: acceptJournal },
    }).catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
    const authority = new Authority(store.authorities, store.crls, config.issuers, clock);
    return {
      paths,
      clock,
      random,
      keyring,
      keys,
      auditKey,
      store,
      authority,
      trail,
      async close() {
        trail.close();
        await store.close();
        journal.release();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function unlock(
  config: Configuration,
  { keys }: DataPaths,
  random: Random,
  create: boolean,
): Promise<Keyring> {
  const source: KeySource | undefined = config.keys.passphrase;
  if (!create) return openKeyring(keys, source);
  try {
    return await openKeyring(keys, source);
  } catch (error) {
    if (!(error instanceof ChanceryError) || error.code !== 'no_authority') throw error;
    return createKeyring(keys, source ?? { kind: 'development' }, random);
  }
}

/** The key of that id, made when it is not there: a run that was cut off is taken up again. */
export async function ensureKey(
  keys: SigningKeys,
  id: string,
  algorithm: Parameters<SigningKeys['generate']>[1],
): Promise<SigningKey> {
  return keys.list().includes(id) ? keys.open(id) : keys.generate(id, algorithm);
}
