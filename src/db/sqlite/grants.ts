/** Grants that were made through the API. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { GrantSpec } from '../../domain/identity/grant.ts';
import type { GrantStore } from '../../domain/identity/ports.ts';
import { isConstraintViolation } from './failures.ts';
import type { Rooms } from './rooms.ts';

interface GrantRow {
  readonly name: string;
  readonly spec: string;
  readonly created_by: string;
  readonly created_at: number;
}

export function openGrants({ database, audit, writer }: Rooms): GrantStore {
  const list: Statement<[], GrantRow> = database.prepare('SELECT * FROM grants ORDER BY name');
  const insert: Statement = database.prepare(
    'INSERT INTO grants (name, spec, created_by, created_at) VALUES (?, ?, ?, ?)',
  );
  const replace: Statement = database.prepare('UPDATE grants SET spec = ? WHERE name = ?');
  const remove: Statement<[string]> = database.prepare('DELETE FROM grants WHERE name = ?');

  return {
    list: () =>
      writer
        .read(() => list.all())
        .map(({ name, spec, created_by, created_at }) => ({
          name,
          spec: JSON.parse(spec) as GrantSpec,
          createdBy: created_by,
          createdAt: created_at,
        })),
    add: ({ name, spec, createdBy, createdAt }, drafts) =>
      writer.write(() => {
        try {
          insert.run(name, JSON.stringify(spec), createdBy, createdAt);
        } catch (error) {
          throw isConstraintViolation(error, 'PRIMARYKEY') ? alreadyThere(name) : error;
        }
        audit.append(drafts);
      }),
    replace: ({ name, spec }, drafts) =>
      writer.write(() => {
        if (replace.run(JSON.stringify(spec), name).changes === 0) throw notThere(name);
        audit.append(drafts);
      }),
    remove: (name, drafts) =>
      writer.write(() => {
        if (remove.run(name).changes === 0) throw notThere(name);
        audit.append(drafts);
      }),
  };
}

const alreadyThere = (name: string): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `there is a grant ${JSON.stringify(name)} already`,
    rule: 'a grant is never replaced silently',
    fix: 'Choose another name, or delete that one first.',
  });

const notThere = (name: string): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no grant ${JSON.stringify(name)} that was made through the API`,
    rule: 'grants of the configuration file are changed there',
    fix: 'See `chancery grant list`.',
  });
