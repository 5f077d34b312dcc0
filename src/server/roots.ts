/** Roots through time, and their CRLs. */
import { floorToSecond, formatInstant } from '../base/clock.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { judgeForeignRoot } from '../domain/issuance/foreign-ca.ts';
import { refuseActivation, refuseRootRetirement } from '../domain/issuance/generations.ts';
import { prepareRoot, rootName, signCaCertificate } from '../domain/issuance/hierarchy.ts';
import type { Generation, Root } from '../domain/issuance/issuer.ts';
import { newSerial } from '../domain/issuance/serial.ts';
import {
  addedBy,
  type CaReason,
  notIn,
  withCaEntry,
  withRevocations,
} from '../domain/revocation/ca-revocation.ts';
import {
  crlIsDue,
  judgeForeignCrl,
  NEAR_ROOT_CRL_LIFE,
  nextCrlNumber,
  PreparedCrl,
  signCrl,
  type StoredCrl,
} from '../domain/revocation/crl.ts';
import type { CrlStore } from '../domain/revocation/ports.ts';
import type { Actor } from '../http/admin/ports.ts';
import type { ServedCrl } from '../http/status/crl.ts';
import { type Bytes, sha256, toHex } from '../x509/bytes.ts';
import { formatSerial } from '../x509/certificate.ts';
import { readCertificateList } from '../x509/crl.ts';
import { freeNumber } from './free-number.ts';
import type { Hierarchy } from './hierarchy.ts';
import type { HierarchyOptions } from './hierarchy-options.ts';
import { caDetails, missing } from './hierarchy-words.ts';
import {
  cannotRevoke,
  misnamed,
  offline,
  ranOut,
  revokedAlready,
  rootPreparedAlready,
  takesBack,
} from './root-words.ts';
import { type Addition, crlDetails, forgottenBy, highestOf, NOTHING_MORE } from './root-crl.ts';
import { ensureKey } from './open.ts';
import { caSigner, crlSigner } from './signers.ts';

const SERVING: Actor = { principal: 'system:schedule', door: 'internal', requestId: 'crl' };

export interface RootsOptions extends HierarchyOptions {
  readonly crls: CrlStore;
  readonly hierarchy: Hierarchy;
}

export class Roots {
  readonly #options: RootsOptions;
  #crls: ReadonlyMap<string, StoredCrl>;

  constructor(options: RootsOptions) {
    this.#options = options;
    this.#crls = this.#readCrls();
  }

  /** DER of a root's newest CRL. */
  crl = (root: string): Bytes | undefined => this.#crls.get(root)?.der;
  /** The same, for the status listener. One that has run out is signed anew first; rejects with `not_ready` where it cannot be. */
  async serve(name: string): Promise<ServedCrl | undefined> {
    const { authority, clock } = this.#options;
    const hasRunOut = (): boolean => (this.#crls.get(name)?.nextUpdate ?? Infinity) <= clock.now();
    if (hasRunOut() && typeof authority.root(name)?.keyId === 'string') await this.signDueCrls(SERVING);
    if (hasRunOut()) throw ranOut(name);
    const crl = this.#crls.get(name);
    return crl && { ...crl, sha256: toHex(sha256(crl.der)), size: crl.der.length, body: crl.der };
  }
  crls = (): readonly StoredCrl[] => [...this.#crls.values()];

  /** The next root of a line: in every bundle from now on, signing nothing yet. */
  prepare(line: string, actor: Actor): Promise<Root> {
    const { hierarchy, authority, authorities, clock, journal, keys, random, trustDomain, guardClock } =
      this.#options;
    return hierarchy.exclusively(async () => {
      guardClock();
      const { current, next } = authority.rootSlots(line);
      if (current === undefined) missing('root', line);
      if (next !== undefined) throw rootPreparedAlready(next.name);
      if (current.keyId === null) throw offline(current, 'its successor is made beside it');
      const highest = Math.max(...authority.rootsOf(line).map((root) => root.number));
      const number = freeNumber(journal, highest + 1, (each) => rootName(line, each));
      const name = rootName(line, number);
      const keyId = `root-${name}`;
      const { publicKey } = await ensureKey(keys, keyId, 'ecdsa-p384');
      const now = clock.now();
      const serial = newSerial(random);
      const prepared = prepareRoot({ root: line, number, serial, publicKey, trustDomain, now });
      const certificate = signCaCertificate(caSigner(keys), keyId, prepared);
      const facts = { name, line, number, keyId, certificate, preparedAt: now };
      await authorities.addRoot({ ...facts, activatedAt: null, retiredAt: null }, [
        hierarchy.draft(actor, 'ca.certificate.issued', { kind: 'root', ...caDetails(name, certificate) }),
      ]);
      await this.#changed();
      await this.#sign(this.#root(name), actor);
      return this.#root(name);
    });
  }

  /** The next root of a line, made where the key of the current one is: in every bundle from now on. */
  import(name: string, certificate: Bytes, actor: Actor): Promise<Root> {
    const { hierarchy, authority, authorities, clock, trustDomain } = this.#options;
    return hierarchy.exclusively(async () => {
      const number = Number(/-r([1-9]\d{0,3})$/.exec(name)?.[1]);
      const line = name.replace(/-r\d+$/, '');
      const all = authority.rootsOf(line);
      if (all.length === 0) missing('root', line);
      if (!(number > Math.max(...all.map((root) => root.number)))) throw misnamed(name, line);
      const { next } = authority.rootSlots(line);
      if (next !== undefined) throw rootPreparedAlready(next.name);
      const preparedAt = clock.now();
      judgeForeignRoot(certificate, trustDomain, preparedAt);
      const facts = { name, line, number, keyId: null, certificate, preparedAt };
      await authorities.addRoot({ ...facts, activatedAt: null, retiredAt: null }, [
        hierarchy.draft(actor, 'root.imported', caDetails(name, certificate)),
      ]);
      await this.#changed();
      return this.#root(name);
    });
  }

  /** From now on it signs new generations. */
  activate(name: string, actor: Actor): Promise<Root> {
    const { hierarchy, authority, clock } = this.#options;
    return hierarchy.exclusively(async () => {
      const root = this.#root(name);
      const before = authority.rootSlots(root.line).current;
      refuseActivation(name, root, authority.rootState(root), clock.now());
      return this.#advance(
        root,
        'current',
        hierarchy.draft(actor, 'root.activated', { root: name, supersedes: before?.name ?? null }),
      );
    });
  }

  /** It leaves every bundle. */
  retire(name: string, actor: Actor): Promise<Root> {
    const { hierarchy, authority } = this.#options;
    return hierarchy.exclusively(async () => {
      const root = this.#root(name);
      const below = authority
        .allGenerations()
        .filter((generation) => generation.root === name && authority.state(generation) !== 'retired');
      refuseRootRetirement(name, authority.rootState(root), below);
      return this.#advance(root, 'retired', hierarchy.draft(actor, 'root.retired', { root: name }));
    });
  }

  /** Takes a CRL that was signed where the root's key is. */
  importCrl(der: Bytes, actor: Actor): Promise<StoredCrl> {
    const { hierarchy, authority, clock } = this.#options;
    return hierarchy.exclusively(async () => {
      const crl = judgeForeignCrl(der, authority.roots(), (root) => this.#crls.get(root), clock.now());
      this.#refuseForgotten(crl);
      await this.#put(crl, hierarchy.draft(actor, 'crl.imported', crlDetails(crl)));
      // it may revoke a generation
      await this.#changed();
      return crl;
    });
  }

  /** Throws `chain_rejected` for a CRL that takes back what its root revoked here: that stays until it has expired. */
  #refuseForgotten(crl: StoredCrl): void {
    const { authority, crls } = this.#options;
    const before = this.#crls.get(crl.root);
    const ours = forgottenBy(crl, before, crls.journaled(crl.root), authority.allGenerations());
    if (ours.length > 0) throw takesBack(crl.root, ours);
  }

  /**
   * Puts a generation on the CRL of its root: it signs no leaf any more, and nobody logs in with what it signed. Also
   * where the clock went back: a revocation does not wait for it.
   */
  revokeGeneration(id: string, reason: CaReason, actor: Actor): Promise<Generation> {
    const { hierarchy, authority, inventory, clock } = this.#options;
    return hierarchy.exclusively(async () => {
      const generation = authority.generation(id) ?? missing('generation', id);
      if (generation.revokedAt !== null) throw revokedAlready(generation);
      const root = this.#root(generation.root);
      if (root.keyId === null) throw cannotRevoke(root, generation, reason);
      const { serial } = generation.certificate;
      const { count } = inventory.living(id, clock.now());
      const said = { generation: id, root: root.name, serial: formatSerial(serial), reason, living: count };
      await this.#sign(root, actor, {
        entries: (before, now) => withCaEntry(before, serial, now, reason),
        audit: [hierarchy.draft(actor, 'generation.revoked', said)],
      });
      await this.#changed();
      return authority.generation(id) ?? missing('generation', id);
    });
  }

  /** Signs the CRL of a root whose key is here, due or not. */
  sign(name: string, actor: Actor): Promise<void> {
    return this.#options.hierarchy.exclusively(() => this.#sign(this.#root(name), actor));
  }

  /** Dates the CRL of a root by the clock as it is where a clock that had leapt ahead dated it, on record. */
  acceptClock(name: string, actor: Actor): Promise<void> {
    const { hierarchy, clock } = this.#options;
    return hierarchy.exclusively(async () => {
      const root = this.#root(name);
      const now = clock.now();
      const latest = this.#crls.get(name)?.thisUpdate ?? 0;
      if (root.keyId === null || latest <= now) return;
      const said = { root: name, before: formatInstant(latest), now: formatInstant(now) };
      const audit = [hierarchy.draft(actor, 'crl.clock.accepted', said)];
      await this.#sign(root, actor, { ...NOTHING_MORE, audit, acceptClock: true });
      await this.#changed();
    });
  }

  /** Signs the CRLs that are due, of the roots whose key is here. */
  signDueCrls(actor: Actor): Promise<void> {
    const { hierarchy, authority } = this.#options;
    const due = authority.roots().filter(({ name, keyId }) => keyId !== null && this.needsCrl(name));
    if (due.length === 0) return Promise.resolve();
    return hierarchy.exclusively(async () => {
      for (const root of due) if (this.needsCrl(root.name)) await this.#sign(root, actor);
    });
  }

  /**
   * The newest CRL of a root nears its end, or the journal tells of a later one or of what it does not name: after a
   * restore it is older than what relying parties have seen.
   */
  needsCrl(name: string): boolean {
    const { clock, crls, journal } = this.#options;
    const crl = this.#crls.get(name);
    if (crlIsDue(crl, clock.now())) return true;
    const floor = journal.crlFloor(name);
    if (floor !== undefined && crl !== undefined && crl.number < floor.number) return true;
    return notIn(crl && readCertificateList(crl.der).entries, crls.journaled(name)).length > 0;
  }

  /** What an earlier CRL revoked stays revoked. */
  async #sign(root: Root, actor: Actor, more: Addition = NOTHING_MORE): Promise<void> {
    if (root.keyId === null) return;
    const { clock, keys, hierarchy, journal, crls } = this.#options;
    const before = this.#crls.get(root.name);
    const floor = journal.crlFloor(root.name);
    // of what was signed since, the date is known: an operator may have taken a bogus one back
    const told = before !== undefined && before.number > (floor?.number ?? 0n) ? 0 : (floor?.thisUpdate ?? 0);
    // thisUpdate never goes back, whatever the clock does and whatever was restored, unless an operator says so
    const latest = more.acceptClock === true ? 0 : Math.max(before?.thisUpdate ?? 0, told);
    const now = Math.max(clock.now(), latest);
    const entries = more.entries(before, floorToSecond(now));
    const prepared = PreparedCrl.of({
      issuer: root,
      number: nextCrlNumber(highestOf(before?.number, floor?.number), now),
      now,
      life: NEAR_ROOT_CRL_LIFE,
      entries: withRevocations(entries, notIn(entries, crls.journaled(root.name))),
    });
    const der = signCrl(crlSigner(keys), root.keyId, prepared);
    const { number, thisUpdate, nextUpdate } = prepared;
    const crl = { root: root.name, number, thisUpdate, nextUpdate, der };
    await this.#put(crl, ...more.audit, hierarchy.draft(actor, 'crl.issued', crlDetails(crl)));
  }

  async #put(crl: StoredCrl, ...audit: readonly AuditDraft[]): Promise<void> {
    const { crls, authority } = this.#options;
    const notAfter = authority.root(crl.root)?.certificate.notAfter ?? crl.nextUpdate;
    await crls.put(crl, audit, addedBy(crl, this.#crls.get(crl.root), notAfter));
    this.#crls = this.#readCrls();
  }

  async #advance(root: Root, to: 'current' | 'retired', audit: AuditDraft): Promise<Root> {
    const { authorities, clock } = this.#options;
    await authorities.advance({ of: 'root', id: root.name, to, at: clock.now() }, [audit]);
    await this.#changed();
    return this.#root(root.name);
  }

  async #changed(): Promise<void> {
    this.#options.authority.reload();
    await this.#options.changed();
  }

  #root(name: string): Root {
    return this.#options.authority.root(name) ?? missing('root', name);
  }

  #readCrls(): ReadonlyMap<string, StoredCrl> {
    return new Map(this.#options.crls.crls().map((crl) => [crl.root, crl]));
  }
}
