/** ACME accounts and the external keys that they are made with. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../../base/errors.ts';
import { toHex } from '../../../x509/bytes.ts';
import type { AcmeAccount } from '../../../domain/acme/account.ts';
import type { ExternalKey, StoredExternalKey } from '../../../domain/acme/external-key.ts';
import type { AccountStore, ExternalKeyStore } from '../../../domain/acme/ports.ts';
import { octets } from '../octets.ts';
import type { Rooms } from '../rooms.ts';

interface AccountRow {
  readonly id: string;
  readonly issuer: string;
  readonly jwk: string;
  readonly key_fingerprint: Buffer;
  readonly contact: string;
  readonly terms_agreed_at: number | null;
  readonly external_key: string | null;
  readonly created_at: number;
  readonly deactivated_at: number | null;
}

interface KeyRow {
  readonly id: string;
  readonly issuer: string;
  readonly spec: string;
  readonly sealed: Buffer;
  readonly uses: number | null;
  readonly used: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
}

/** Accounts that are kept in memory: every request asks for one. */
const MOST_KNOWN = 10_000;

/** Later than every id. */
const LAST = '~';

export function openAccounts({ database, audit, writer }: Rooms): AccountStore {
  const insert: Statement = database.prepare(
    `INSERT INTO acme_accounts
       (id, issuer, jwk, key_fingerprint, contact, terms_agreed_at, external_key, created_at, deactivated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId: Statement<[string], AccountRow> = database.prepare('SELECT * FROM acme_accounts WHERE id = ?');
  const byKey: Statement<[Uint8Array, string], AccountRow> = database.prepare(
    'SELECT * FROM acme_accounts WHERE key_fingerprint = ? AND issuer = ?',
  );
  const anyWithKey: Statement<[Uint8Array]> = database.prepare(
    'SELECT 1 FROM acme_accounts WHERE key_fingerprint = ? LIMIT 1',
  );
  const update: Statement = database.prepare(
    `UPDATE acme_accounts SET contact = coalesce(?, contact), terms_agreed_at = coalesce(?, terms_agreed_at),
       deactivated_at = coalesce(deactivated_at, ?) WHERE id = ?`,
  );
  const updateKey: Statement = database.prepare(
    'UPDATE acme_accounts SET jwk = ?, key_fingerprint = ? WHERE id = ?',
  );
  const use: Statement = database.prepare(
    `UPDATE acme_external_keys SET used = used + 1 WHERE id = ? AND issuer = ? AND revoked_at IS NULL
       AND (uses IS NULL OR used < uses) AND (expires_at IS NULL OR expires_at >= ?)`,
  );
  const newest: Statement<[string, number], AccountRow> = database.prepare(
    'SELECT * FROM acme_accounts WHERE id < ? ORDER BY id DESC LIMIT ?',
  );
  const newestOf: Statement<[string, string, number], AccountRow> = database.prepare(
    'SELECT * FROM acme_accounts WHERE issuer = ? AND id < ? ORDER BY id DESC LIMIT ?',
  );

  const find = (id: string): AcmeAccount | undefined => {
    const row = byId.get(id);
    return row && readAccount(row);
  };
  const known = new Map<string, AcmeAccount>();
  /** Outside of jobs: what a job sees may be undone. */
  const findKnown = (id: string): AcmeAccount | undefined => {
    const there = known.get(id);
    if (there !== undefined) return there;
    const found = writer.read(() => find(id));
    if (found === undefined) return undefined;
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(id, found);
    return found;
  };
  const findByKey = (issuer: string, fingerprint: string): AcmeAccount | undefined => {
    const row = byKey.get(octets(fingerprint), issuer);
    return row && readAccount(row);
  };
  const require = (id: string): AcmeAccount => {
    const found = find(id);
    if (found === undefined) throw notThere('account', id);
    return found;
  };
  return {
    find: findKnown,
    findByKey: (issuer, fingerprint) => writer.read(() => findByKey(issuer, fingerprint)),
    hasKey: (fingerprint) => writer.read(() => anyWithKey.get(octets(fingerprint))) !== undefined,
    add: (account, drafts) =>
      writer.write(() => {
        const there = findByKey(account.issuer, account.keyFingerprint);
        if (there !== undefined) return there;
        const { externalKey, issuer, createdAt } = account;
        if (externalKey !== null && use.run(externalKey, issuer, createdAt).changes !== 1) return 'spent';
        insert.run(
          account.id,
          issuer,
          account.jwk,
          octets(account.keyFingerprint),
          JSON.stringify(account.contact),
          account.termsAgreedAt,
          externalKey,
          createdAt,
          account.deactivatedAt,
        );
        audit.append(drafts);
        return account;
      }),
    change: (id, { contact, termsAgreedAt, deactivatedAt }, drafts) =>
      writer.write(() => {
        require(id);
        known.delete(id);
        const text = contact === undefined ? null : JSON.stringify(contact);
        update.run(text, termsAgreedAt ?? null, deactivatedAt ?? null, id);
        audit.append(drafts);
        return require(id);
      }),
    changeKey: (id, { jwk, keyFingerprint }, drafts) =>
      writer.write(() => {
        const holder = findByKey(require(id).issuer, keyFingerprint);
        if (holder !== undefined) return holder;
        known.delete(id);
        updateKey.run(jwk, octets(keyFingerprint), id);
        audit.append(drafts);
        return require(id);
      }),
    list: (issuer, limit, before = LAST) =>
      writer
        .read(() => (issuer === undefined ? newest.all(before, limit) : newestOf.all(issuer, before, limit)))
        .map(readAccount),
  };
}

export function openExternalKeys({ database, audit, writer }: Rooms): ExternalKeyStore {
  const insert: Statement = database.prepare(
    `INSERT INTO acme_external_keys (id, issuer, spec, sealed, uses, used, created_at, expires_at, revoked_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId: Statement<[string], KeyRow> = database.prepare('SELECT * FROM acme_external_keys WHERE id = ?');
  const newest: Statement<[number], KeyRow> = database.prepare(
    'SELECT * FROM acme_external_keys ORDER BY created_at DESC, id DESC LIMIT ?',
  );
  const revoke: Statement = database.prepare(
    'UPDATE acme_external_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?',
  );
  return {
    add: (key, drafts) =>
      writer.write(() => {
        const { name, names, preauthorized, profile, createdBy } = key;
        const spec: Spec = { name, names, preauthorized, profile, createdBy };
        insert.run(
          key.id,
          key.issuer,
          JSON.stringify(spec),
          key.sealed,
          key.uses,
          key.used,
          key.createdAt,
          key.expiresAt,
          key.revokedAt,
        );
        audit.append(drafts);
      }),
    find(id) {
      const row = writer.read(() => byId.get(id));
      return row && readKey(row);
    },
    list: (limit) => writer.read(() => newest.all(limit)).map(readKey),
    revoke: (id, at, drafts) =>
      writer.write(() => {
        if (revoke.run(at, id).changes === 0) throw notThere('external account key', id);
        audit.append(drafts);
      }),
  };
}

/** What never changes about a key and is in no column of its own. */
type Spec = Pick<ExternalKey, 'name' | 'names' | 'preauthorized' | 'profile' | 'createdBy'>;

const readKey = (row: KeyRow): StoredExternalKey => ({
  id: row.id,
  issuer: row.issuer,
  ...(JSON.parse(row.spec) as Spec),
  sealed: row.sealed,
  uses: row.uses,
  used: row.used,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
});

const readAccount = (row: AccountRow): AcmeAccount => ({
  id: row.id,
  issuer: row.issuer,
  jwk: row.jwk,
  keyFingerprint: toHex(row.key_fingerprint),
  contact: JSON.parse(row.contact) as string[],
  termsAgreedAt: row.terms_agreed_at,
  externalKey: row.external_key,
  createdAt: row.created_at,
  deactivatedAt: row.deactivated_at,
});

const notThere = (what: string, id: string): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no ACME ${what} ${JSON.stringify(id.slice(0, 100))}`,
    rule: 'it is known by the id that was given out',
    fix: 'See `chancery acme --help` for the lists.',
  });
