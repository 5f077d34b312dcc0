/** Enrolment tokens. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import type { TokenStore } from '../../domain/identity/ports.ts';
import type { StoredToken, Token } from '../../domain/identity/token.ts';
import type { Rooms } from './rooms.ts';

interface TokenRow {
  readonly id: string;
  readonly spec: string;
  readonly uses: number;
  readonly used: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly revoked_at: number | null;
}

export interface Tokens extends TokenStore {
  /** Inside a job: claims one use; false when none is left. */
  use(id: string, at: Instant): boolean;
}

/** What never changes about a token and is in no column of its own. */
type Spec = Pick<Token, 'issuer' | 'profile' | 'names' | 'maxTtl' | 'createdBy' | 'owner'>;

export function openTokens({ database, audit, writer }: Rooms): Tokens {
  const insert: Statement = database.prepare(
    'INSERT INTO tokens (id, secret_hash, spec, uses, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const bySecret: Statement<[Uint8Array], TokenRow> = database.prepare(
    'SELECT * FROM tokens WHERE secret_hash = ?',
  );
  const byId: Statement<[string], TokenRow> = database.prepare('SELECT * FROM tokens WHERE id = ?');
  const newest: Statement<[number], TokenRow> = database.prepare(
    'SELECT * FROM tokens ORDER BY created_at DESC LIMIT ?',
  );
  const use: Statement = database.prepare(
    'UPDATE tokens SET used = used + 1 WHERE id = ? AND used < uses AND revoked_at IS NULL AND expires_at >= ?',
  );
  const revoke: Statement = database.prepare(
    'UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?',
  );
  const prune: Statement = database.prepare('DELETE FROM tokens WHERE expires_at < ?');

  return {
    add: (token, secretHash, drafts) =>
      writer.write(() => {
        const { id, uses, createdAt, expiresAt, issuer, profile, names, maxTtl, createdBy, owner } = token;
        const spec: Spec = { issuer, profile, names, maxTtl, createdBy, owner };
        insert.run(id, secretHash, JSON.stringify(spec), uses, createdAt, expiresAt);
        audit.append(drafts);
      }),
    findBySecret(secretHash) {
      const row = writer.read(() => bySecret.get(secretHash));
      return row && readToken(row);
    },
    find(id) {
      const row = writer.read(() => byId.get(id));
      return row && readToken(row);
    },
    list: (limit) => writer.read(() => newest.all(limit)).map(readToken),
    revoke: (id, at, drafts) =>
      writer.write(() => {
        if (revoke.run(at, id).changes === 0) throw notThere(id);
        audit.append(drafts);
      }),
    use: (id, at) => use.run(id, at).changes === 1,
    prune: (before) => writer.write(() => prune.run(before).changes),
  };
}

const readToken = ({ id, spec, uses, used, created_at, expires_at, revoked_at }: TokenRow): StoredToken => ({
  id,
  ...(JSON.parse(spec) as Spec),
  uses,
  used,
  createdAt: created_at,
  expiresAt: expires_at,
  revokedAt: revoked_at,
});

const notThere = (id: string): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no token ${JSON.stringify(id)}`,
    rule: 'tokens are known by the id that was printed beside the secret',
    fix: 'See `chancery token list`.',
  });
