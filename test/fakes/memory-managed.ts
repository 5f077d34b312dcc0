/** Managed certificates and public CAs in memory. */
import type { Instant } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { ManagedCertificate } from '../../src/domain/renewal/managed.ts';
import type {
  Claim,
  ManagedStore,
  Material,
  PublicAccount,
  PublicAuthority,
  PublicAuthorityStore,
} from '../../src/domain/renewal/ports.ts';
import { isOver, type Version } from '../../src/domain/renewal/version.ts';

interface Row {
  managed: ManagedCertificate;
  dueAt: Instant;
  heldUntil: Instant;
  token: number;
  readonly versions: Map<number, Version>;
  readonly materials: Map<number, Material>;
}

const EMPTY: Material = { sealedKey: null, certificates: [], order: null };

/** `write` is where the store keeps the audit entries of a change; it fails as a whole. */
type Write = <T>(change: () => { value: T; audit: readonly AuditDraft[] }) => Promise<T>;

export function memoryManaged(write: Write): ManagedStore {
  const rows = new Map<string, Row>();
  const sorted = (): Row[] => [...rows.values()].sort((a, b) => (a.managed.name < b.managed.name ? -1 : 1));
  const held = ({ name, token }: Claim): Row => {
    const row = rows.get(name);
    if (row?.token === token) return row;
    throw new ChanceryError('claim_lost', `${name} was taken over by another worker`);
  };
  const versionsOf = (name: string): Version[] =>
    [...(rows.get(name)?.versions.values() ?? [])].sort((a, b) => a.number - b.number);
  const quietly = <T>(change: () => T): Promise<T> => write(() => ({ value: change(), audit: [] }));

  return {
    find: (name) => rows.get(name)?.managed,
    list: ({ set, limit, after = '' }) =>
      sorted()
        .map(({ managed }) => managed)
        .filter((managed) => managed.name > after && (typeof set !== 'string' || managed.set === set))
        .slice(0, limit),
    count: () => rows.size,
    living: (name) => versionsOf(name).filter((version) => !isOver(version)),
    history: (name, limit) => versionsOf(name).reverse().slice(0, limit),
    material(name, version) {
      const row = rows.get(name);
      return row?.versions.has(version) === true ? (row.materials.get(version) ?? EMPTY) : undefined;
    },
    put: (name, make, audit) =>
      write(() => {
        const before = rows.get(name);
        const managed = make(before?.managed);
        const places = managed.wish.targets.flatMap(({ place }) => (place === undefined ? [] : [place]));
        const others = [...rows.values()].filter((row) => row !== before);
        const taken = others.some(({ managed: { wish } }) =>
          wish.targets.some(({ place }) => place !== undefined && places.includes(place)),
        );
        if (taken || new Set(places).size < places.length)
          throw new ChanceryError('already_exists', 'a place is taken');
        if (before === undefined)
          rows.set(name, {
            ...{ managed, dueAt: 0, heldUntil: 0, token: 0 },
            versions: new Map(),
            materials: new Map(),
          });
        else Object.assign(before, { managed, dueAt: 0 });
        return { value: managed, audit };
      }),
    remove: (name, audit) =>
      write(() => {
        if (!rows.delete(name)) throw new ChanceryError('not_found', `there is no ${name}`);
        return { value: undefined, audit };
      }),
    wake: (names, now) =>
      quietly(() => {
        for (const name of names) {
          const row = rows.get(name);
          if (row !== undefined) row.dueAt = Math.min(row.dueAt, now);
        }
      }),
    claim: (now, limit, until) =>
      quietly(() =>
        [...rows.values()]
          .filter(({ dueAt, heldUntil }) => dueAt <= now && heldUntil <= now)
          .sort((a, b) => a.dueAt - b.dueAt)
          .slice(0, limit)
          .map((row) => {
            Object.assign(row, { dueAt: until, heldUntil: until, token: row.token + 1 });
            return { name: row.managed.name, token: row.token };
          }),
      ),
    extend: (claim, until) =>
      quietly(() => {
        const row = held(claim);
        if (row.dueAt >= row.heldUntil) row.dueAt = until;
        row.heldUntil = until;
      }),
    record: (claim, { managed, versions = [], materials = [], audit }) =>
      write(() => {
        const row = held(claim);
        if (managed !== undefined) row.managed = managed(row.managed);
        for (const version of versions) row.versions.set(version.number, version);
        for (const { version, ...parts } of materials)
          row.materials.set(version, { ...(row.materials.get(version) ?? EMPTY), ...parts });
        return { value: undefined, audit };
      }),
    release: (claim, dueAt) =>
      quietly(() => {
        const row = held(claim);
        row.dueAt = row.dueAt < row.heldUntil ? Math.min(row.dueAt, dueAt) : dueAt;
        row.heldUntil = 0;
      }),
    nextDue: () => (rows.size === 0 ? undefined : Math.min(...[...rows.values()].map(({ dueAt }) => dueAt))),
    holding: (serial) =>
      sorted()
        .filter(({ versions }) =>
          [...versions.values()].some(
            (version) => !isOver(version) && version.certificate?.serial === serial,
          ),
        )
        .map(({ managed }) => managed.name),
  };
}

export function memoryPublicAuthorities(write: Write): PublicAuthorityStore {
  const authorities = new Map<string, PublicAuthority>();
  const accounts = new Map<string, PublicAccount>();
  const failed: { readonly directory: string; readonly name: string; readonly at: number }[] = [];
  return {
    authorities: () => [...authorities.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    putAuthority: (authority, audit) =>
      write(() => ({ value: void authorities.set(authority.name, authority), audit })),
    removeAuthority: (name, audit) =>
      write(() => {
        if (!authorities.delete(name)) throw new ChanceryError('not_found', `there is no ${name}`);
        return { value: undefined, audit };
      }),
    account: (directory) => accounts.get(directory),
    putAccount: (account, audit) =>
      write(() => ({ value: void accounts.set(account.directory, account), audit })),
    failures: (directory, name, since) =>
      failed
        .filter((one) => one.directory === directory && one.name === name && one.at > since)
        .map(({ at }) => at),
    noteFailure: (directory, names, at) =>
      write(() => ({
        value: void failed.push(...names.map((name) => ({ directory, name, at }))),
        audit: [],
      })),
  };
}
