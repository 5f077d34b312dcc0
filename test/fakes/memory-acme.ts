/** What the ACME server remembers, in memory: the same behaviour as a database, gone when the test is. */
import type { Instant } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { AcmeAccount } from '../../src/domain/acme/account.ts';
import type { AcmeAuthorization } from '../../src/domain/acme/authorization.ts';
import { externalKeyState, type StoredExternalKey } from '../../src/domain/acme/external-key.ts';
import { idOfTime } from '../../src/domain/acme/ids.ts';
import type { AcmeOrder } from '../../src/domain/acme/order.ts';
import type { AcmeStore, MovedWindow } from '../../src/domain/acme/ports.ts';
import { arrivalAfter } from '../../src/base/rate.ts';

/** Runs a change as the store's writer does: later, one at a time, with its audit entries. */
export type Write = <T>(change: (append: (drafts: readonly AuditDraft[]) => void) => T) => Promise<T>;

const newestFirst = <T extends { readonly id: string }>(rows: Iterable<T>): T[] =>
  [...rows].sort((a, b) => (a.id < b.id ? 1 : -1));

export class MemoryAcme implements AcmeStore {
  readonly #accounts = new Map<string, AcmeAccount>();
  readonly #keys = new Map<string, StoredExternalKey>();
  readonly #orders = new Map<string, AcmeOrder>();
  readonly #authorizations = new Map<string, AcmeAuthorization>();
  readonly #windows: MovedWindow[] = [];
  readonly #rates = new Map<string, Instant>();
  readonly #write: Write;

  constructor(write: Write) {
    this.#write = write;
  }

  readonly accounts: AcmeStore['accounts'] = {
    find: (id) => this.#accounts.get(id),
    findByKey: (issuer, fingerprint) =>
      [...this.#accounts.values()].find(
        (account) => account.issuer === issuer && account.keyFingerprint === fingerprint,
      ),
    hasKey: (fingerprint) =>
      [...this.#accounts.values()].some(({ keyFingerprint }) => keyFingerprint === fingerprint),
    add: (account, audit) =>
      this.#write((append) => {
        const there = this.accounts.findByKey(account.issuer, account.keyFingerprint);
        if (there !== undefined) return there;
        if (account.externalKey !== null) {
          const key = this.#keys.get(account.externalKey);
          if (
            key === undefined ||
            key.issuer !== account.issuer ||
            externalKeyState(key, account.createdAt) !== 'usable'
          )
            return 'spent';
          this.#keys.set(key.id, { ...key, used: key.used + 1 });
        }
        this.#accounts.set(account.id, account);
        append(audit);
        return account;
      }),
    change: (id, { contact, termsAgreedAt, deactivatedAt }, audit) =>
      this.#write((append) => {
        const account = required(this.#accounts, id);
        const changed = {
          ...account,
          contact: contact ?? account.contact,
          termsAgreedAt: termsAgreedAt ?? account.termsAgreedAt,
          deactivatedAt: account.deactivatedAt ?? deactivatedAt ?? null,
        };
        this.#accounts.set(id, changed);
        append(audit);
        return changed;
      }),
    changeKey: (id, key, audit) =>
      this.#write((append) => {
        const account = required(this.#accounts, id);
        const holder = this.accounts.findByKey(account.issuer, key.keyFingerprint);
        if (holder !== undefined) return holder;
        const changed = { ...account, ...key };
        this.#accounts.set(id, changed);
        append(audit);
        return changed;
      }),
    list: (issuer, limit, before = '~') =>
      newestFirst(this.#accounts.values())
        .filter((account) => (issuer === undefined || account.issuer === issuer) && account.id < before)
        .slice(0, limit),
  };

  readonly externalKeys: AcmeStore['externalKeys'] = {
    add: (key, audit) =>
      this.#write((append) => {
        this.#keys.set(key.id, key);
        append(audit);
      }),
    find: (id) => this.#keys.get(id),
    list: (limit) =>
      [...this.#keys.values()]
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
        .slice(0, limit),
    revoke: (id, at, audit) =>
      this.#write((append) => {
        const key = required(this.#keys, id);
        this.#keys.set(id, { ...key, revokedAt: key.revokedAt ?? at });
        append(audit);
      }),
  };

  readonly orders: AcmeStore['orders'] = {
    find: (id) => this.#orders.get(id),
    findByCertificate: (serial) =>
      [...this.#orders.values()].find(({ certificate }) => certificate === serial),
    add: (order, authorizations, audit, stands) =>
      this.#write((append) => {
        const others = [...this.#orders.values()].filter(
          ({ replaces }) => replaces !== null && replaces === order.replaces,
        );
        if (others.some((other) => stands(other, this.#all(other.authorizations)))) return 'replaced';
        this.#orders.set(order.id, order);
        for (const authorization of authorizations) this.#authorizations.set(authorization.id, authorization);
        append(audit);
        return 'added';
      }),
    refuse: (id, refusal) =>
      this.#write(() => {
        const order = this.#orders.get(id);
        if (order?.certificate === null) this.#orders.set(id, { ...order, refusal });
      }),
    list: ({ account, issuer }, limit, before = '~') =>
      newestFirst(this.#orders.values())
        .filter(
          (order) =>
            (account === undefined || order.account === account) &&
            (issuer === undefined || order.issuer === issuer) &&
            order.id < before,
        )
        .slice(0, limit),
    prune: ({ failedBefore, authorizationsBefore, ordersBefore }) =>
      this.#write(() => {
        let count = 0;
        for (const { id, certificate, expiresAt, authorizations } of [...this.#orders.values()]) {
          const failed = certificate === null && expiresAt < failedBefore;
          if (!failed && id >= idOfTime(ordersBefore)) continue;
          if (failed)
            for (const one of this.#all(authorizations))
              if (one.attempts.every(({ validatedAt }) => validatedAt === null))
                this.#authorizations.delete(one.id);
          this.#orders.delete(id);
          count++;
        }
        for (const id of [...this.#authorizations.keys()])
          if (id < idOfTime(authorizationsBefore) && this.#authorizations.delete(id)) count++;
        return count;
      }),
  };

  readonly authorizations: AcmeStore['authorizations'] = {
    find: (id) => this.#authorizations.get(id),
    findForName: (account, name, limit) =>
      newestFirst(this.#authorizations.values())
        .filter(
          (one) => one.account === account && one.name.kind === name.kind && one.name.value === name.value,
        )
        .slice(0, limit),
    begin: (id, type, at) =>
      this.#write(() => {
        const one = this.#authorizations.get(id);
        if (one === undefined || one.attempts.length > 0) return false;
        const attempt = { type, startedAt: at, validatedAt: null, failedAt: null, problem: null, log: [] };
        this.#authorizations.set(id, { ...one, attempts: [attempt] });
        return true;
      }),
    settle: (id, attempt, audit) =>
      this.#write((append) => {
        const one = this.#authorizations.get(id);
        const [begun] = one?.attempts ?? [];
        if (one === undefined) return;
        if (begun !== undefined) {
          if (begun.type !== attempt.type || begun.validatedAt !== null || begun.failedAt !== null) return;
        }
        const attempts = [{ ...attempt, startedAt: begun?.startedAt ?? attempt.startedAt }];
        this.#authorizations.set(id, { ...one, attempts });
        append(audit);
      }),
    deactivate: (id, at, audit) =>
      this.#write((append) => {
        const one = this.#authorizations.get(id);
        if (one !== undefined)
          this.#authorizations.set(id, { ...one, deactivatedAt: one.deactivatedAt ?? at });
        append(audit);
      }),
    unsettled: (limit) =>
      [...this.#authorizations.values()]
        .filter(({ attempts }) =>
          attempts.some(({ validatedAt, failedAt }) => validatedAt === null && failedAt === null),
        )
        .slice(0, limit),
  };

  readonly windows: AcmeStore['windows'] = {
    move: (window, audit) =>
      this.#write((append) => {
        this.#windows.push(window);
        append(audit);
      }),
    windows: (issuer) => newestFirst(this.#windows.filter((window) => window.issuer === issuer)),
  };

  readonly rates: AcmeStore['rates'] = {
    take: (buckets, now) =>
      this.#write(() => {
        const taken = buckets.map(({ key, rate, look }) => ({
          key,
          look,
          ...arrivalAfter(this.#rates.get(key), rate, now),
        }));
        const [full] = taken.filter(({ at }) => at > now).sort((a, b) => b.at - a.at);
        if (full !== undefined) return { allowed: false as const, key: full.key, at: full.at };
        for (const { key, arrival, look } of taken) if (look !== true) this.#rates.set(key, arrival);
        return { allowed: true as const };
      }),
    prune: (now) =>
      this.#write(() => {
        const old = [...this.#rates].filter(([, arrival]) => arrival < now);
        for (const [key] of old) this.#rates.delete(key);
        return old.length;
      }),
  };

  /** What the ledger does with the order of a recording. */
  fulfil(id: string, serial: string): boolean {
    const order = this.#orders.get(id);
    if (order?.certificate !== null) return false;
    this.#orders.set(id, { ...order, certificate: serial, refusal: null });
    return true;
  }

  #all(ids: readonly string[]): AcmeAuthorization[] {
    return ids.flatMap((id) => this.#authorizations.get(id) ?? []);
  }
}

function required<T>(rows: ReadonlyMap<string, T>, id: string): T {
  const row = rows.get(id);
  if (row === undefined) throw new ChanceryError('not_found', id);
  return row;
}
