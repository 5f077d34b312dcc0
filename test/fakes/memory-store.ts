/** Everything that remembers, in memory: the same behaviour as a database, gone when the test is. */
import type { Instant } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import { type ChainEnd, EMPTY_CHAIN, link, latestAfter } from '../../src/domain/audit/chain.ts';
import type { AuditDraft, AuditEntry } from '../../src/domain/audit/entry.ts';
import type { AuditHead } from '../../src/domain/audit/head.ts';
import type { AuditLog } from '../../src/domain/audit/ports.ts';
import type { GrantStore, StoredGrant, TokenStore } from '../../src/domain/identity/ports.ts';
import { type StoredToken, tokenState } from '../../src/domain/identity/token.ts';
import { toHex } from '../../src/x509/bytes.ts';
import type { StoredCrl } from '../../src/domain/revocation/crl.ts';
import type { Forget } from '../../src/domain/issuance/retention.ts';
import type { CrlStore } from '../../src/domain/revocation/ports.ts';
import type { ForgetRevocations } from '../../src/domain/revocation/retention.ts';
import type { GenerationFacts, PendingGeneration, RootFacts } from '../../src/domain/issuance/issuer.ts';
import {
  type AuthorityStore,
  type CertificateQuery,
  certificateState,
  type IdempotencyClaim,
  type Inventory,
  type Ledger,
  type StoredCertificate,
} from '../../src/domain/issuance/ports.ts';
import { RESPONDER_PRINCIPAL } from '../../src/domain/issuance/responder.ts';
import { MemoryAcme } from './memory-acme.ts';
import { MemoryPublishedCrls } from './memory-published-crls.ts';
import { MemoryRevocations } from './memory-revocations.ts';
import { memoryScheduled } from './memory-scheduled.ts';

interface Claimed extends IdempotencyClaim {
  readonly serial: string;
}

export class MemoryStore {
  readonly certificates: StoredCertificate[] = [];
  readonly entries: AuditEntry[] = [];
  #claims: Claimed[] = [];
  readonly #heads: AuditHead[] = [];
  readonly #roots: RootFacts[] = [];
  readonly #generations: GenerationFacts[] = [];
  #pending: PendingGeneration[] = [];
  readonly #crls = new Map<string, StoredCrl>();
  readonly #grants = new Map<string, StoredGrant>();
  readonly #tokens = new Map<string, StoredToken>();
  readonly #secrets = new Map<string, string>();
  readonly #blocked = new Set<string>();
  #end: ChainEnd = EMPTY_CHAIN;
  #latest: Instant = 0;
  /** While set, every write is rejected with it: the disk is full. */
  failWith: ChanceryError | undefined;

  readonly ledger: Ledger = {
    record: ({ certificate, claim, token, order, audit }) =>
      this.#write(() => {
        const renewed = this.certificates.find(({ serial }) => serial === certificate?.renews);
        if (typeof renewed?.revokedAt === 'number') return { kind: 'revoked', at: renewed.revokedAt };
        if (certificate !== undefined && this.#blocked.has(certificate.keyFingerprint))
          return { kind: 'blocked' };
        if (order !== undefined && !this.acme.fulfil(order, certificate?.serial ?? ''))
          return { kind: 'fulfilled' };
        const holder = claim && this.ledger.findClaim(claim.principal, claim.key);
        if (holder !== undefined) return { kind: 'claimed', ...holder };
        if (claim !== undefined && certificate === undefined)
          throw new ChanceryError('internal', 'an Idempotency-Key was claimed for no certificate');
        const stored = token && this.#tokens.get(token.id);
        if (token !== undefined && (stored === undefined || tokenState(stored, token.at) !== 'usable'))
          return { kind: 'spent' };
        if (certificate !== undefined) {
          const { serial, fingerprint } = certificate;
          if (this.certificates.some((other) => other.serial === serial || other.fingerprint === fingerprint))
            throw new ChanceryError('internal', 'a record was refused by the store');
          this.certificates.push({
            ...certificate,
            revokedAt: null,
            revocationReason: null,
            presentedAt: null,
          });
          if (claim !== undefined) this.#claims.push({ ...claim, serial });
        }
        if (stored !== undefined) this.#tokens.set(stored.id, { ...stored, used: stored.used + 1 });
        this.#append(audit);
        return { kind: 'recorded' };
      }),
    findClaim: (principal, key) => {
      const found = this.#claims.find((claim) => claim.principal === principal && claim.key === key);
      return found && { serial: found.serial, requestHash: found.requestHash };
    },
    findCertificate: (serial) => this.certificates.find((certificate) => certificate.serial === serial),
    findRevocation: (serial) =>
      this.certificates.find((certificate) => certificate.serial === serial)?.revokedAt,
    isKeyBlocked: (keyFingerprint) => this.#blocked.has(keyFingerprint),
  };

  readonly inventory: Inventory = {
    search: (query, now, limit, cursor) => {
      if (!Number.isInteger(limit) || limit < 1 || limit > 500)
        throw new ChanceryError('invalid_request', `${limit} certificates in one page`);
      const before = cursor === undefined ? this.certificates.length : readCursor(cursor);
      const found = this.certificates
        .map((certificate, index) => ({ certificate, index }))
        .filter(({ certificate, index }) => index < before && matches(query, certificate, now))
        .reverse();
      const page = found.slice(0, limit);
      return {
        certificates: page.map(({ certificate }) => certificate),
        cursor: found.length > limit ? `row-${page.at(-1)?.index}` : undefined,
      };
    },
    firstExpiry: (now) =>
      this.certificates
        .filter((certificate) => certificateState(certificate, now) === 'valid')
        .map(({ notAfter }) => notAfter)
        .sort((a, b) => a - b)[0],
    living: (generation, now) => {
      const all = this.certificates.filter(
        (certificate) =>
          certificate.generation === generation &&
          certificate.principal !== RESPONDER_PRINCIPAL &&
          certificateState(certificate, now) === 'valid',
      );
      return {
        count: all.length,
        latest: all.map(({ notAfter }) => notAfter).sort((a, b) => b - a)[0],
      };
    },
    count: () => this.certificates.length,
    renewal: (serial) => {
      const found = this.certificates.findLast(({ renews }) => renews === serial);
      return found && { serial: found.serial, issuedAt: found.issuedAt };
    },
    presented: (marks) =>
      this.#write(() => {
        for (const { serial, at } of marks) {
          const index = this.certificates.findIndex((certificate) => certificate.serial === serial);
          const found = this.certificates[index];
          if (found !== undefined)
            this.certificates[index] = { ...found, presentedAt: Math.max(found.presentedAt ?? 0, at) };
        }
      }),
  };

  readonly authorities: AuthorityStore = {
    roots: () => [...this.#roots],
    generations: () =>
      [...this.#generations].sort((a, b) => compare(a.issuer, b.issuer) || a.number - b.number),
    pending: () => [...this.#pending].sort((a, b) => compare(a.issuer, b.issuer) || a.number - b.number),
    addPending: (pending, audit) =>
      this.#write(() => {
        if (this.#pending.some(({ id }) => id === pending.id))
          throw new ChanceryError('already_exists', pending.id);
        this.#pending.push(pending);
        this.#append(audit);
      }),
    advance: ({ of, id, to, at }, audit) =>
      this.#write(() => {
        const all: (RootFacts | GenerationFacts)[] = of === 'root' ? this.#roots : this.#generations;
        const index = all.findIndex((facts) => ('id' in facts ? facts.id : facts.name) === id);
        const facts = all[index];
        if (facts === undefined) throw new ChanceryError('not_found', id);
        all[index] =
          to === 'current'
            ? { ...facts, activatedAt: facts.activatedAt ?? at }
            : { ...facts, retiredAt: facts.retiredAt ?? at };
        this.#append(audit);
      }),
    addRoot: (root, audit) =>
      this.#write(() => {
        if (
          this.#roots.some(
            ({ name, line, number }) => name === root.name || (line === root.line && number === root.number),
          )
        )
          throw new ChanceryError('already_exists', root.name);
        this.#roots.push(root);
        this.#append(audit);
      }),
    addGeneration: (facts, audit) =>
      this.#write(() => {
        const same = (other: GenerationFacts): boolean =>
          other.id === facts.id || (other.issuer === facts.issuer && other.number === facts.number);
        if (this.#generations.some(same)) throw new ChanceryError('already_exists', facts.id);
        if (!this.#roots.some(({ name }) => name === facts.root))
          throw new ChanceryError('internal', 'a record was refused by the store');
        this.#pending = this.#pending.filter(({ id }) => id !== facts.id);
        this.#generations.push(facts);
        this.#append(audit);
      }),
    releaseCrls: (id, audit) =>
      this.#write(() => {
        const index = this.#generations.findIndex((facts) => facts.id === id);
        const facts = this.#generations[index];
        if (facts === undefined) throw new ChanceryError('not_found', id);
        const { crlsHeldBack: _held, ...others } = facts;
        this.#generations[index] = others;
        this.#append(audit);
      }),
    stopGeneration: (id, reason, audit) =>
      this.#write(() => {
        const index = this.#generations.findIndex((facts) => facts.id === id);
        const facts = this.#generations[index];
        if (facts === undefined) throw new ChanceryError('not_found', id);
        this.#generations[index] = { ...facts, stopped: facts.stopped ?? reason };
        this.#append(audit);
      }),
  };

  readonly crls: CrlStore = {
    crls: () => [...this.#crls.values()].sort((a, b) => compare(a.root, b.root)),
    put: (crl, audit) =>
      this.#write(() => {
        const before = this.#crls.get(crl.root);
        if (before !== undefined && before.number >= crl.number)
          throw new ChanceryError('already_exists', `CRL ${crl.number} of ${crl.root}`);
        this.#crls.set(crl.root, crl);
        this.#append(audit);
      }),
    // what a replay of the journal puts there
    journaled: (root) => [...this.revocations.all.values()].filter(({ generation }) => generation === root),
  };

  readonly revocations = new MemoryRevocations({
    write: (change) => this.#write(change),
    append: (drafts) => this.#append(drafts),
    findCertificate: (serial) => this.ledger.findCertificate(serial),
    mark: (serial, at, reason) => this.revoke(serial, at, reason),
    blocked: this.#blocked,
  });

  readonly publishedCrls = new MemoryPublishedCrls({
    write: (change) => this.#write(change),
    append: (drafts) => this.#append(drafts),
    putRevocation: (revocation) => this.revocations.put(revocation),
    revocations: this.revocations.all,
  });

  readonly forgetRevocations: ForgetRevocations = (what, audit) =>
    this.revocations.forget(what, this.publishedCrls.published(), audit);

  readonly audit: AuditLog = {
    entries: (from, limit) => this.entries.filter(({ sequence }) => sequence >= from).slice(0, limit),
    last: () => this.entries.at(-1),
    heads: (from, limit) =>
      this.#sortedHeads()
        .filter(({ sequence }) => sequence >= from)
        .slice(0, limit),
    lastHead: () => this.#sortedHeads().at(-1),
    addHead: (head) =>
      this.#write(() => {
        if (this.#heads.some(({ sequence }) => sequence === head.sequence))
          throw new ChanceryError('already_exists', `head ${head.sequence}`);
        this.#heads.push(head);
      }),
  };

  readonly grants: GrantStore = {
    list: () => [...this.#grants.values()].sort((a, b) => compare(a.name, b.name)),
    add: (grant, audit) =>
      this.#write(() => {
        if (this.#grants.has(grant.name)) throw new ChanceryError('already_exists', grant.name);
        this.#grants.set(grant.name, grant);
        this.#append(audit);
      }),
    replace: ({ name, spec }, audit) =>
      this.#write(() => {
        const before = this.#grants.get(name);
        if (before === undefined) throw new ChanceryError('not_found', name);
        this.#grants.set(name, { ...before, spec });
        this.#append(audit);
      }),
    remove: (name, audit) =>
      this.#write(() => {
        if (!this.#grants.delete(name)) throw new ChanceryError('not_found', name);
        this.#append(audit);
      }),
  };

  readonly tokens: TokenStore = {
    add: (token, secretHash, audit) =>
      this.#write(() => {
        this.#tokens.set(token.id, { ...token, used: 0, revokedAt: null });
        this.#secrets.set(toHex(secretHash), token.id);
        this.#append(audit);
      }),
    findBySecret: (secretHash) => this.#tokens.get(this.#secrets.get(toHex(secretHash)) ?? ''),
    find: (id) => this.#tokens.get(id),
    list: (limit) => [...this.#tokens.values()].sort((a, b) => b.createdAt - a.createdAt).slice(0, limit),
    revoke: (id, at, audit) =>
      this.#write(() => {
        const token = this.#tokens.get(id);
        if (token === undefined) throw new ChanceryError('not_found', id);
        this.#tokens.set(id, { ...token, revokedAt: token.revokedAt ?? at });
        this.#append(audit);
      }),
    prune: (before) =>
      this.#write(() => {
        const old = [...this.#tokens.values()].filter(({ expiresAt }) => expiresAt < before);
        for (const { id } of old) this.#tokens.delete(id);
        return old.length;
      }),
  };

  readonly scheduled = memoryScheduled((change) =>
    this.#write(() => change((drafts) => this.#append(drafts))),
  );
  readonly acme = new MemoryAcme((change) => this.#write(() => change((drafts) => this.#append(drafts))));

  latestAuditTime(): Instant {
    return this.#latest;
  }

  readonly forgetCertificates: Forget = ({ expiredBefore, revokedExpiredBefore, limit }, audit) => {
    const newest = this.certificates.at(-1);
    const old = this.certificates
      .filter(
        (certificate) =>
          certificate !== newest &&
          certificate.notAfter <
            (certificate.revokedAt === null ? expiredBefore : Math.min(expiredBefore, revokedExpiredBefore)),
      )
      .slice(0, limit);
    if (old.length === 0) return Promise.resolve(0);
    return this.#write(() => {
      for (const certificate of old) this.certificates.splice(this.certificates.indexOf(certificate), 1);
      this.#append(audit(old.length));
      return old.length;
    });
  };

  pruneClaims(before: Instant): Promise<number> {
    return this.#write(() => {
      const all = this.#claims.length;
      this.#claims = this.#claims.filter(({ claimedAt }) => claimedAt >= before);
      return all - this.#claims.length;
    });
  }

  revoke(serial: string, at: Instant, reason: number): void {
    const index = this.certificates.findIndex((certificate) => certificate.serial === serial);
    const certificate = this.certificates[index];
    if (certificate !== undefined)
      this.certificates[index] = { ...certificate, revokedAt: at, revocationReason: reason };
  }

  block(keyFingerprint: string): void {
    this.#blocked.add(keyFingerprint);
  }

  /** In a later turn, like a disk; one at a time, like the one writer. */
  async #write<T>(change: () => T): Promise<T> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failWith !== undefined) throw this.failWith;
    return change();
  }

  #append(drafts: readonly AuditDraft[]): void {
    for (const draft of drafts) {
      const entry = link(this.#end, draft);
      this.entries.push(entry);
      this.#end = entry;
      this.#latest = latestAfter(this.#latest, draft);
    }
  }

  #sortedHeads(): AuditHead[] {
    return [...this.#heads].sort((a, b) => a.sequence - b.sequence);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function matches(query: CertificateQuery, certificate: StoredCertificate, now: Instant): boolean {
  const { name, label, state, expiresBefore, ...exact } = query;
  return (
    Object.entries(exact).every(([field, value]) => certificate[field as keyof typeof exact] === value) &&
    (name === undefined || certificate.names.some(({ value }) => value === name)) &&
    (label === undefined ||
      (Object.hasOwn(certificate.labels, label.key) && certificate.labels[label.key] === label.value)) &&
    (state === undefined || certificateState(certificate, now) === state) &&
    (expiresBefore === undefined || certificate.notAfter < expiresBefore)
  );
}

function readCursor(cursor: string): number {
  const match = /^row-(\d{1,15})$/.exec(cursor);
  if (match === null) throw new ChanceryError('invalid_cursor', cursor);
  return Number(match[1]);
}
