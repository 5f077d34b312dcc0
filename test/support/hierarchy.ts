/** A hierarchy in memory that lives by a clock that tests turn. */
import type { Log } from '../../src/base/log.ts';
import type { IssuerPolicy } from '../../src/domain/issuance/issuer.ts';
import { clockGuard } from '../../src/domain/issuance/clock-guard.ts';
import { prepareRoot, rootName, signCaCertificate } from '../../src/domain/issuance/hierarchy.ts';
import { newSerial } from '../../src/domain/issuance/serial.ts';
import type { JournalBook } from '../../src/domain/revocation/journal-book.ts';
import type { SigningKey, SigningKeys } from '../../src/keys/signing-keys.ts';
import { signingKeyOf } from '../../src/keys/software/index.ts';
import { Authority } from '../../src/server/authority.ts';
import { Hierarchy } from '../../src/server/hierarchy.ts';
import { HierarchyKeeper } from '../../src/server/hierarchy-keeper.ts';
import { Roots } from '../../src/server/roots.ts';
import { caSigner } from '../../src/server/signers.ts';
import { systemRandom } from '../../src/server/world.ts';
import { generateKeyPair, importPkcs8 } from '../../src/x509/key-pair.ts';
import { FakeClock } from '../fakes/clock.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { TRUST_DOMAIN, URLS } from './authority.ts';

export const OPERATOR = { principal: 'mtls:clients:dns:ann', door: 'rest', requestId: 'request-1' };

export class MemoryKeys implements SigningKeys {
  readonly #keys = new Map<string, SigningKey>();

  async generate(id: string, algorithm: Parameters<SigningKeys['generate']>[1]): Promise<SigningKey> {
    const key = signingKeyOf(id, await generateKeyPair(algorithm));
    this.#keys.set(id, key);
    return key;
  }

  import(id: string, pkcs8: Uint8Array): Promise<SigningKey> {
    const key = signingKeyOf(id, importPkcs8(pkcs8));
    this.#keys.set(id, key);
    return Promise.resolve(key);
  }

  open(id: string): SigningKey {
    const key = this.#keys.get(id);
    if (key === undefined) throw new Error(`there is no key ${id}`);
    return key;
  }

  list(): readonly string[] {
    return [...this.#keys.keys()];
  }

  forget(id: string): Promise<void> {
    this.#keys.delete(id);
    return Promise.resolve();
  }
}

export interface MemoryHierarchy {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly keys: MemoryKeys;
  readonly authority: Authority;
  readonly hierarchy: Hierarchy;
  readonly roots: Roots;
  readonly keeper: HierarchyKeeper;
  /** What was warned of. */
  readonly warned: string[];
  /** How often something changed. */
  readonly changes: () => number;
}

const POLICY: IssuerPolicy = {
  name: 'servers',
  root: 'internal',
  profiles: ['server'],
  authenticates: false,
};

/** A root `internal` whose key is here or not, and an issuer `servers` without generations. */
export async function makeHierarchy(
  options: {
    readonly offline?: boolean;
    readonly policy?: Partial<IssuerPolicy>;
    /** What the journal tells of the CRLs of roots and generations. */
    readonly floor?: JournalBook['crlFloor'];
  } = {},
): Promise<MemoryHierarchy> {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const keys = new MemoryKeys();
  const random = systemRandom();
  const { publicKey } = await keys.generate('root-internal', 'ecdsa-p384');
  const now = clock.now();
  const root = rootName('internal', 1);
  const prepared = prepareRoot({
    root,
    serial: newSerial(random),
    publicKey,
    trustDomain: TRUST_DOMAIN,
    now,
  });
  const facts = { name: root, line: root, number: 1, preparedAt: now, activatedAt: now, retiredAt: null };
  const certificate = signCaCertificate(caSigner(keys), 'root-internal', prepared);
  await store.authorities.addRoot(
    { ...facts, certificate, keyId: options.offline === true ? null : 'root-internal' },
    [],
  );
  const authority = new Authority(store.authorities, store.crls, [{ ...POLICY, ...options.policy }], clock);
  let changes = 0;
  const wired = {
    ...{ clock, random, keys, authority, trustDomain: TRUST_DOMAIN, urls: URLS },
    authorities: store.authorities,
    inventory: store.inventory,
    journal: { crlFloor: options.floor ?? (() => undefined) },
    guard: () => undefined,
    guardClock: clockGuard(clock, () => store.latestAuditTime()),
    published: () => Promise.resolve(),
    changed: () => Promise.resolve(void changes++),
  };
  const hierarchy = new Hierarchy(wired);
  const roots = new Roots({ ...wired, crls: store.crls, hierarchy });
  const warned: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void warned.push(message),
    error: (message) => void warned.push(message),
  };
  const keeper = new HierarchyKeeper({
    ...{ clock, log, authority, hierarchy, roots },
    publish: () => Promise.resolve(),
  });
  return { clock, store, keys, authority, hierarchy, roots, keeper, warned, changes: () => changes };
}
