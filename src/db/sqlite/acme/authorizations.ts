/** ACME authorizations, and what became of their challenges. */
import type { Statement } from 'better-sqlite3';
import type { AcmeAuthorization, ChallengeAttempt } from '../../../domain/acme/authorization.ts';
import type { AuthorizationStore } from '../../../domain/acme/ports.ts';
import type { Name } from '../../../domain/identity/names.ts';
import type { Rooms } from '../rooms.ts';

interface AuthorizationRow {
  readonly id: string;
  readonly issuer: string;
  readonly account: string;
  readonly kind: Name['kind'];
  readonly value: string;
  readonly wildcard: number;
  readonly seed: Buffer;
  readonly created_at: number;
  readonly expires_at: number;
  readonly deactivated_at: number | null;
  readonly preauthorized_by: string | null;
}

interface ChallengeRow {
  readonly type: ChallengeAttempt['type'];
  readonly started_at: number;
  readonly validated_at: number | null;
  readonly failed_at: number | null;
  readonly problem: string | null;
  readonly log: string | null;
}

export interface Authorizations extends AuthorizationStore {
  /** Inside a job. */
  insert(authorization: AcmeAuthorization): void;
  /** Inside a job: those that are there. */
  all(ids: readonly string[]): AcmeAuthorization[];
  /** Inside a job. */
  forget(id: string): void;
  /** Inside a job: those whose ids are before this one; says how many. */
  forgetOlder(before: string, limit: number): number;
}

export function openAuthorizations({ database, audit, writer }: Rooms): Authorizations {
  const insert: Statement = database.prepare(
    `INSERT INTO acme_authorizations (id, issuer, account, kind, value, wildcard, seed, created_at, expires_at,
       deactivated_at, preauthorized_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId: Statement<[string], AuthorizationRow> = database.prepare(
    'SELECT * FROM acme_authorizations WHERE id = ?',
  );
  const challenges: Statement<[string], ChallengeRow> = database.prepare(
    'SELECT type, started_at, validated_at, failed_at, problem, log FROM acme_challenges WHERE authorization = ?',
  );
  const forName: Statement<[string, string, string, number], AuthorizationRow> = database.prepare(
    'SELECT * FROM acme_authorizations WHERE account = ? AND value = ? AND kind = ? ORDER BY id DESC LIMIT ?',
  );
  const begin: Statement = database.prepare(
    `INSERT INTO acme_challenges (authorization, type, started_at)
     SELECT id, ?, ? FROM acme_authorizations WHERE id = ?
       AND NOT EXISTS (SELECT 1 FROM acme_challenges WHERE authorization = acme_authorizations.id)`,
  );
  const settle: Statement = database.prepare(
    `INSERT INTO acme_challenges (authorization, type, started_at, validated_at, failed_at, problem, log)
     SELECT id, @type, @startedAt, @validatedAt, @failedAt, @problem, @log FROM acme_authorizations WHERE id = @id
       AND NOT EXISTS (SELECT 1 FROM acme_challenges WHERE authorization = @id AND type <> @type)
     ON CONFLICT DO UPDATE SET validated_at = excluded.validated_at, failed_at = excluded.failed_at,
       problem = excluded.problem, log = excluded.log WHERE validated_at IS NULL AND failed_at IS NULL`,
  );
  const deactivate: Statement = database.prepare(
    'UPDATE acme_authorizations SET deactivated_at = coalesce(deactivated_at, ?) WHERE id = ?',
  );
  const unsettled: Statement<[number], string> = database
    .prepare<[number], string>(
      `SELECT authorization FROM acme_challenges INDEXED BY acme_challenges_unsettled
       WHERE validated_at IS NULL AND failed_at IS NULL LIMIT ?`,
    )
    .pluck();
  const older: Statement<[string, number], string> = database
    .prepare<[string, number], string>('SELECT id FROM acme_authorizations WHERE id < ? LIMIT ?')
    .pluck();
  const forgetChallenges: Statement = database.prepare('DELETE FROM acme_challenges WHERE authorization = ?');
  const forgetOne: Statement = database.prepare('DELETE FROM acme_authorizations WHERE id = ?');

  const forget = (id: string): void => {
    forgetChallenges.run(id);
    forgetOne.run(id);
  };
  const read = (row: AuthorizationRow): AcmeAuthorization => ({
    id: row.id,
    issuer: row.issuer,
    account: row.account,
    name: { kind: row.kind, value: row.value },
    wildcard: row.wildcard === 1,
    seed: row.seed,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    deactivatedAt: row.deactivated_at,
    preauthorizedBy: row.preauthorized_by,
    attempts: challenges.all(row.id).map(readAttempt),
  });
  const find = (id: string): AcmeAuthorization | undefined => {
    const row = byId.get(id);
    return row && read(row);
  };
  const all = (ids: readonly string[]): AcmeAuthorization[] => ids.flatMap((id) => find(id) ?? []);
  return {
    insert: (authorization) =>
      void insert.run(
        authorization.id,
        authorization.issuer,
        authorization.account,
        authorization.name.kind,
        authorization.name.value,
        authorization.wildcard ? 1 : 0,
        authorization.seed,
        authorization.createdAt,
        authorization.expiresAt,
        authorization.deactivatedAt,
        authorization.preauthorizedBy,
      ),
    all,
    forget,
    forgetOlder(before, limit) {
      const ids = older.all(before, limit);
      for (const id of ids) forget(id);
      return ids.length;
    },
    find: (id) => writer.read(() => find(id)),
    findForName: (account, { kind, value }, limit) =>
      writer.read(() => forName.all(account, value, kind, limit).map(read)),
    begin: (id, type, at) => writer.write(() => begin.run(type, at, id).changes === 1),
    settle: (id, { problem, log, ...facts }, drafts) =>
      writer.write(() => {
        const texts = {
          problem: problem === null ? null : JSON.stringify(problem),
          log: JSON.stringify(log),
        };
        const { changes } = settle.run({ id, ...facts, ...texts });
        if (changes === 1) audit.append(drafts);
      }),
    deactivate: (id, at, drafts) =>
      writer.write(() => {
        deactivate.run(at, id);
        audit.append(drafts);
      }),
    unsettled: (limit) => writer.read(() => all(unsettled.all(limit))),
  };
}

const readAttempt = (row: ChallengeRow): ChallengeAttempt => ({
  type: row.type,
  startedAt: row.started_at,
  validatedAt: row.validated_at,
  failedAt: row.failed_at,
  problem: row.problem === null ? null : (JSON.parse(row.problem) as ChallengeAttempt['problem']),
  log: row.log === null ? [] : (JSON.parse(row.log) as ChallengeAttempt['log']),
});
