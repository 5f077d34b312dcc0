/** Generations through time: prepared, imported, activated and retired, one step at a time, each with its audit entry. */
import { ChanceryError } from '../base/errors.ts';
import type { AuditDraft, AuditEvent } from '../domain/audit/entry.ts';
import { PreparedCaRequest, readCaRequest, signCaRequest } from '../domain/issuance/ca-request.ts';
import { judgeForeignCa, judgeImportedIssuer } from '../domain/issuance/foreign-ca.ts';
import { refuseActivation, refuseRetirement } from '../domain/issuance/generations.ts';
import {
  generationId,
  generationSubject,
  prepareGeneration,
  rootName,
  SHARDS,
  signCaCertificate,
} from '../domain/issuance/hierarchy.ts';
import type {
  Generation,
  GenerationFacts,
  IssuerBounds,
  IssuerPolicy,
  PendingGeneration,
  Root,
} from '../domain/issuance/issuer.ts';
import type { AuthorityStore } from '../domain/issuance/ports.ts';
import { newSerial } from '../domain/issuance/serial.ts';
import { type Bytes, equal, toHex } from '../x509/bytes.ts';
import { importPkcs8 } from '../x509/key-pair.ts';
import { readCertificate } from '../x509/certificate.ts';
import type { Actor, IssuerMaterial, PreparedNext } from '../http/admin/ports.ts';
import { freeNumber } from './free-number.ts';
import type { HierarchyOptions } from './hierarchy-options.ts';
import { caDetails, missing, preparedAlready } from './hierarchy-words.ts';
import { ensureKey } from './open.ts';
import { caRequestSigner, caSigner } from './signers.ts';

export class Hierarchy {
  readonly #options: HierarchyOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: HierarchyOptions) {
    this.#options = options;
  }

  /** The next generation of an issuer; where its root is offline, the request for it, the same one until it is answered. */
  prepare(issuer: string, actor: Actor): Promise<PreparedNext> {
    return this.exclusively(async () => {
      const { authority, clock, keys, guardClock } = this.#options;
      guardClock();
      const policy = this.#policy(issuer);
      const waiting = authority.pendingOf(issuer);
      if (waiting !== undefined) return { kind: 'requested', pending: waiting };
      const { next } = authority.slots(issuer);
      if (next !== undefined) throw preparedAlready(next.id);
      const root = this.#signingRoot(policy.root);
      const number = this.#nextNumber(issuer);
      const id = generationId(issuer, number);
      await ensureKey(keys, id, 'ecdsa-p256');
      const plan = { id, issuer, root, number, now: clock.now() };
      return root.keyId === null
        ? { kind: 'requested', pending: await this.#request(plan, actor) }
        : { kind: 'prepared', generation: await this.#sign(plan, root.keyId, actor) };
    });
  }

  /** Takes the certificate that an offline root signed for a request of ours. */
  import(certificate: Bytes, actor: Actor): Promise<Generation> {
    return this.exclusively(async () => {
      const { authority, trustDomain, clock } = this.#options;
      const { spki } = readCertificate(certificate);
      const pending = authority.pending().find(({ csr }) => equal(readCaRequest(csr).publicKey.spki, spki));
      if (pending === undefined)
        throw new ChanceryError('not_found', {
          message: 'no issuer waits for a certificate of this public key',
          rule: 'a certificate is imported for the key that a request was made with',
          fix: 'See `chancery issuer list`, and sign the request that `chancery issuer prepare NAME` prints.',
        });
      const { line } = this.#root(pending.root);
      const now = clock.now();
      const root = judgeForeignCa({
        certificate,
        spki,
        subject: readCaRequest(pending.csr).subject,
        roots: authority.bundle(line),
        trustDomain,
        now,
      });
      const { csr, createdAt, ...plan } = pending;
      return this.#add(
        { ...plan, root: root.name, certificate },
        this.draft(actor, 'generation.imported', { ...caDetails(pending.id, certificate), root: root.name }),
      );
    });
  }

  /** Takes an issuer's key and certificate that were made elsewhere; its root comes into the bundles. */
  importIssuer(issuer: string, material: IssuerMaterial, actor: Actor): Promise<Generation> {
    return this.exclusively(async () => {
      const { authority, keys, trustDomain, clock } = this.#options;
      const { root: line } = this.#policy(issuer);
      const taken = authority.slots(issuer).next?.id ?? authority.pendingOf(issuer)?.id;
      if (taken !== undefined) throw preparedAlready(taken);
      const { pkcs8, certificate, noPreviousCrl } = material;
      const { publicKey } = importPkcs8(pkcs8);
      const { spki, fingerprint } = publicKey;
      const roots = authority.bundle(line);
      const plan = { certificate, spki, root: material.root, roots, trustDomain, now: clock.now() };
      const judged = judgeImportedIssuer(plan);
      const number = this.#nextNumber(issuer);
      const id = generationId(issuer, number);
      // named by the key too: what is cut off here is never taken for a key of our own
      const keyId = `${id}.${toHex(fingerprint).slice(0, 16)}`;
      await keys.import(keyId, pkcs8);
      // the key first: a foreign root in every bundle without its issuer would be worse than a key without either
      const root = await this.#foreignRoot(line, judged, actor);
      return this.#add(
        { id, issuer, root, number, keyId, certificate, crlsHeldBack: !noPreviousCrl },
        this.draft(actor, 'generation.imported', {
          ...caDetails(id, certificate),
          root,
          keyId,
          noPreviousCrl,
        }),
      );
    });
  }

  activate(id: string, actor: Actor): Promise<Generation> {
    return this.exclusively(async () => {
      const { authority, clock } = this.#options;
      const now = clock.now();
      const generation = this.#generation(id);
      refuseActivation(id, generation, authority.state(generation), now);
      const { root } = generation;
      if (authority.rootState(this.#root(root)) === 'retired')
        throw new ChanceryError('not_ready', {
          message: `the root ${root} above ${id} is retired`,
          rule: 'an issuer stands below a root that clients trust',
          fix: `Retire ${id} and prepare another.`,
        });
      await this.#options.published(id);
      const before = authority.slots(generation.issuer).current;
      await this.#advance(
        { of: 'generation', id, to: 'current', at: now },
        this.draft(actor, 'generation.activated', { generation: id, supersedes: before?.id ?? null }),
      );
      return this.#generation(id);
    });
  }

  retire(id: string, actor: Actor): Promise<Generation> {
    return this.exclusively(async () => {
      const { authority, clock, inventory } = this.#options;
      const now = clock.now();
      const generation = this.#generation(id);
      refuseRetirement(id, authority.state(generation), inventory.living(id, now), now);
      await this.#advance(
        { of: 'generation', id, to: 'retired', at: now },
        this.draft(actor, 'generation.retired', { generation: id }),
      );
      return this.#generation(id);
    });
  }

  /** One change after the other: each is decided on what the one before left. */
  exclusively<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#options.guard();
      return change();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  draft(actor: Actor, event: AuditEvent, details: AuditDraft['details']): AuditDraft {
    return { time: this.#options.clock.now(), event, outcome: 'allowed', ...actor, details };
  }

  async #request(plan: Plan, actor: Actor): Promise<PendingGeneration> {
    const { keys, trustDomain, authority, authorities } = this.#options;
    const { publicKey } = keys.open(plan.id);
    const subject = generationSubject(trustDomain, plan.id);
    const prepared = PreparedCaRequest.of(subject, publicKey, this.#bounds(plan.issuer));
    const csr = signCaRequest(caRequestSigner(keys), plan.id, prepared);
    const { id, issuer, number, root, now } = plan;
    const pending = { id, issuer, number, root: root.name, keyId: id, csr, createdAt: now };
    await authorities.addPending(pending, [
      this.draft(actor, 'generation.requested', { generation: id, root: root.name, key: id }),
    ]);
    authority.reload();
    return pending;
  }

  async #sign(plan: Plan, rootKeyId: string, actor: Actor): Promise<Generation> {
    const { keys, trustDomain, urls, random } = this.#options;
    const { id, issuer, number, root, now } = plan;
    const prepared = prepareGeneration({
      id,
      root,
      serial: newSerial(random),
      publicKey: keys.open(id).publicKey,
      trustDomain,
      urls,
      now,
      bounds: this.#bounds(issuer),
    });
    const certificate = signCaCertificate(caSigner(keys), rootKeyId, prepared);
    return this.#add(
      { id, issuer, root: root.name, number, keyId: id, certificate },
      this.draft(actor, 'ca.certificate.issued', { kind: 'generation', ...caDetails(id, certificate) }),
    );
  }

  async #add(
    facts: Omit<GenerationFacts, 'shards' | 'preparedAt' | 'activatedAt' | 'retiredAt' | 'stopped'>,
    audit: AuditDraft,
  ): Promise<Generation> {
    const { authorities, clock } = this.#options;
    const preparedAt = clock.now();
    await authorities.addGeneration(
      { ...facts, shards: SHARDS, preparedAt, activatedAt: null, retiredAt: null, stopped: null },
      [audit],
    );
    await this.#changed();
    return this.#generation(facts.id);
  }

  async #advance(step: Parameters<AuthorityStore['advance']>[0], audit: AuditDraft): Promise<void> {
    await this.#options.authorities.advance(step, [audit]);
    await this.#changed();
  }

  async #changed(): Promise<void> {
    this.#options.authority.reload();
    await this.#options.changed();
  }

  #bounds(issuer: string): IssuerBounds {
    return this.#policy(issuer).bounds ?? {};
  }

  /** Its name; a record is made where it is none of ours. It is next of its line: in every bundle, signing nothing here. */
  async #foreignRoot(line: string, certificate: Bytes, actor: Actor): Promise<string> {
    const { authority, authorities, clock, journal } = this.#options;
    const known = authority.roots().find((root) => equal(root.certificate.raw, certificate));
    if (known !== undefined) return known.name;
    const highest = Math.max(0, ...authority.rootsOf(line).map((root) => root.number));
    const number = freeNumber(journal, highest + 1, (each) => rootName(line, each));
    const name = rootName(line, number);
    const stage = { preparedAt: clock.now(), activatedAt: null, retiredAt: null };
    await authorities.addRoot({ name, line, number, keyId: null, certificate, ...stage }, [
      this.draft(actor, 'root.imported', caDetails(name, certificate)),
    ]);
    await this.#changed();
    return name;
  }

  #nextNumber(issuer: string): number {
    const numbers = this.#options.authority.generations(issuer).map((generation) => generation.number);
    const { journal } = this.#options;
    return freeNumber(journal, 1 + Math.max(0, ...numbers), (number) => generationId(issuer, number));
  }

  #policy(issuer: string): IssuerPolicy {
    const policy = this.#options.authority.policies().find(({ name }) => name === issuer);
    return policy ?? missing('issuer', issuer);
  }

  #generation(id: string): Generation {
    return this.#options.authority.generation(id) ?? missing('generation', id);
  }

  #root(name: string): Root {
    return this.#options.authority.root(name) ?? missing('root', name);
  }

  #signingRoot(line: string): Root {
    return this.#options.authority.rootSlots(line).current ?? missing('root', line);
  }
}

interface Plan {
  readonly id: string;
  readonly issuer: string;
  readonly root: Root;
  readonly number: number;
  readonly now: number;
}
