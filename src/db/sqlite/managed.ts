/** Managed certificates: wishes, versions, and who works on which. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { ManagedCertificate } from '../../domain/renewal/managed.ts';
import type { Claim, ManagedStore, Material, OrderProgress, Progress } from '../../domain/renewal/ports.ts';
import { isOver, type Version } from '../../domain/renewal/version.ts';
import { type Bytes, concat } from '../../x509/bytes.ts';
import { DerReader } from '../../x509/der.ts';
import type { Rooms } from './rooms.ts';

interface FactsRow {
  readonly facts: string;
}

interface MaterialRow {
  readonly sealed_key: Buffer | null;
  readonly certificates: Buffer | null;
  readonly order_progress: string | null;
}

export const DUE =
  'SELECT name FROM managed INDEXED BY managed_due WHERE due_at <= ? AND held_until <= ? ORDER BY due_at LIMIT ?';
export const LIVING =
  'SELECT facts FROM managed_versions INDEXED BY managed_versions_living WHERE managed = ? AND over = 0 ORDER BY number';
export const NEXT_DUE = 'SELECT due_at FROM managed INDEXED BY managed_due ORDER BY due_at LIMIT 1';
export const HOLDING =
  'SELECT DISTINCT managed FROM managed_versions INDEXED BY managed_versions_serial WHERE serial = ?';

const lost = ({ name }: Claim): ChanceryError =>
  new ChanceryError('claim_lost', {
    message: `${name} was taken over by another worker`,
    rule: 'only the newest holder of a managed certificate records what came of it',
    fix: 'Nothing: the other one goes on from what is on record.',
  });

const missing = (name: string): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no managed certificate ${JSON.stringify(name)}`,
    fix: 'See `chancery managed list`.',
  });

export function openManaged({ database, audit, writer }: Rooms): ManagedStore {
  const find: Statement<[string], FactsRow> = database.prepare('SELECT facts FROM managed WHERE name = ?');
  const all: Statement<[string, number], FactsRow> = database.prepare(
    'SELECT facts FROM managed WHERE name > ? ORDER BY name LIMIT ?',
  );
  const ofSet: Statement<[string, string, number], FactsRow> = database.prepare(
    'SELECT facts FROM managed INDEXED BY managed_set WHERE set_name = ? AND name > ? ORDER BY name LIMIT ?',
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM managed').pluck();
  const living: Statement<[string], FactsRow> = database.prepare(LIVING);
  const history: Statement<[string, number], FactsRow> = database.prepare(
    'SELECT facts FROM managed_versions WHERE managed = ? ORDER BY number DESC LIMIT ?',
  );
  const material: Statement<[string, number], MaterialRow> = database.prepare(
    'SELECT sealed_key, certificates, order_progress FROM managed_versions WHERE managed = ? AND number = ?',
  );
  const put: Statement = database.prepare(
    `INSERT INTO managed (name, set_name, revision, facts, due_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET set_name = excluded.set_name, revision = excluded.revision,
       facts = excluded.facts, due_at = excluded.due_at`,
  );
  const change: Statement = database.prepare('UPDATE managed SET facts = ? WHERE name = ?');
  const remove: Statement = database.prepare('DELETE FROM managed WHERE name = ?');
  const leavePlaces: Statement = database.prepare('DELETE FROM managed_places WHERE managed = ?');
  const holderOf = database
    .prepare<[string], string>('SELECT managed FROM managed_places WHERE place = ?')
    .pluck();
  const takePlace: Statement = database.prepare('INSERT INTO managed_places (place, managed) VALUES (?, ?)');
  const removeVersions: Statement = database.prepare('DELETE FROM managed_versions WHERE managed = ?');
  const wake: Statement = database.prepare('UPDATE managed SET due_at = min(due_at, ?) WHERE name = ?');
  const due = database.prepare<[number, number, number], string>(DUE).pluck();
  const take = database
    .prepare<[{ readonly until: number; readonly name: string }], number>(
      'UPDATE managed SET due_at = @until, held_until = @until, token = token + 1 WHERE name = @name RETURNING token',
    )
    .pluck();
  // who is woken while somebody holds it is due again when they let go
  const hold: Statement = database.prepare(
    `UPDATE managed SET due_at = CASE WHEN due_at < held_until THEN due_at ELSE @until END, held_until = @until
     WHERE name = @name AND token = @token`,
  );
  const isHeld = database
    .prepare<[string, number], number>('SELECT 1 FROM managed WHERE name = ? AND token = ?')
    .pluck();
  const letGo: Statement = database.prepare(
    `UPDATE managed SET due_at = CASE WHEN due_at < held_until THEN min(due_at, @dueAt) ELSE @dueAt END, held_until = 0
     WHERE name = @name AND token = @token`,
  );
  const nextDue = database.prepare<[], number>(NEXT_DUE).pluck();
  const holding = database.prepare<[string], string>(HOLDING).pluck();
  const putVersion: Statement = database.prepare(
    `INSERT INTO managed_versions (managed, number, over, serial, facts) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (managed, number) DO UPDATE SET over = excluded.over, serial = excluded.serial, facts = excluded.facts`,
  );
  const putKey: Statement = database.prepare(
    'UPDATE managed_versions SET sealed_key = ? WHERE managed = ? AND number = ?',
  );
  const putCertificates: Statement = database.prepare(
    'UPDATE managed_versions SET certificates = ? WHERE managed = ? AND number = ?',
  );
  const putOrder: Statement = database.prepare(
    'UPDATE managed_versions SET order_progress = ? WHERE managed = ? AND number = ?',
  );

  const record = (
    { managed, versions = [], materials = [], audit: drafts }: Progress,
    name: string,
  ): void => {
    const before = managed && find.get(name);
    if (managed !== undefined && before !== undefined)
      change.run(JSON.stringify(managed(readManaged(before))), name);
    for (const version of versions)
      putVersion.run(
        name,
        version.number,
        isOver(version) ? 1 : 0,
        isOver(version) ? null : (version.certificate?.serial ?? null),
        JSON.stringify(version),
      );
    for (const { version, sealedKey, certificates, order } of materials) {
      if (sealedKey !== undefined) putKey.run(sealedKey, name, version);
      if (certificates !== undefined) putCertificates.run(concat(certificates), name, version);
      if (order !== undefined) putOrder.run(order === null ? null : JSON.stringify(order), name, version);
    }
    audit.append(drafts);
  };

  const settle = ({ name, wish }: ManagedCertificate): void => {
    leavePlaces.run(name);
    for (const { place } of wish.targets) {
      if (place === undefined) continue;
      const holder = holderOf.get(place);
      if (holder !== undefined)
        throw new ChanceryError('already_exists', {
          message: `${place} is a target of ${holder === name ? `${name} twice` : holder}`,
          rule: 'a place belongs to one managed certificate',
          fix: 'Deliver elsewhere, or put the names into one certificate.',
        });
      takePlace.run(place, name);
    }
  };

  return {
    find(name) {
      const row = writer.read(() => find.get(name));
      return row && readManaged(row);
    },
    list: ({ set, limit, after = '' }) =>
      writer
        .read(() => (typeof set === 'string' ? ofSet.all(set, after, limit) : all.all(after, limit)))
        .map(readManaged),
    count: () => writer.read(() => count.get()) ?? 0,
    living: (name) => writer.read(() => living.all(name)).map(readVersion),
    history: (name, limit) => writer.read(() => history.all(name, limit)).map(readVersion),
    material(name, version) {
      const row = writer.read(() => material.get(name, version));
      return row && readMaterial(row);
    },
    put: (name, make, drafts) =>
      writer.write(() => {
        const before = find.get(name);
        const managed = make(before && readManaged(before));
        settle(managed);
        put.run(name, managed.set, managed.revision, JSON.stringify(managed), 0);
        audit.append(drafts);
        return managed;
      }),
    remove: (name, drafts) =>
      writer.write(() => {
        if (remove.run(name).changes === 0) throw missing(name);
        removeVersions.run(name);
        leavePlaces.run(name);
        audit.append(drafts);
      }),
    wake: (names, now) =>
      writer.write(() => {
        for (const name of names) wake.run(now, name);
      }),
    claim: (now, limit, until) =>
      writer.write(() =>
        due.all(now, now, limit).map((name) => ({ name, token: take.get({ until, name }) ?? 0 })),
      ),
    extend: (claim, until) =>
      writer.write(() => {
        if (hold.run({ ...claim, until }).changes === 0) throw lost(claim);
      }),
    record: (claim, progress) =>
      writer.write(() => {
        if (isHeld.get(claim.name, claim.token) === undefined) throw lost(claim);
        record(progress, claim.name);
      }),
    release: (claim, dueAt) =>
      writer.write(() => {
        if (letGo.run({ ...claim, dueAt }).changes === 0) throw lost(claim);
      }),
    nextDue: () => writer.read(() => nextDue.get()),
    holding: (serial) => writer.read(() => holding.all(serial)),
  };
}

const readManaged = ({ facts }: FactsRow): ManagedCertificate => JSON.parse(facts) as ManagedCertificate;
const readVersion = ({ facts }: FactsRow): Version => JSON.parse(facts) as Version;

const readMaterial = (row: MaterialRow): Material => ({
  sealedKey: row.sealed_key,
  certificates: splitDer(row.certificates ?? new Uint8Array(0)),
  order: row.order_progress === null ? null : (JSON.parse(row.order_progress) as OrderProgress),
});

/** Certificates stand one behind the other: DER says where each ends. */
const splitDer = (octets: Bytes): Bytes[] =>
  new DerReader(octets).rest('certificates', 20).map(({ raw }) => raw);
