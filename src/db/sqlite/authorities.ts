/** Roots and generations. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { GenerationFacts } from '../../domain/issuance/issuer.ts';
import type { AuthorityStore } from '../../domain/issuance/ports.ts';
import { isConstraintViolation } from './failures.ts';
import type { Rooms } from './rooms.ts';

interface RootRow {
  readonly name: string;
  readonly key_id: string;
  readonly certificate: Buffer;
}

interface GenerationRow {
  readonly id: string;
  readonly issuer: string;
  readonly root: string;
  readonly number: number;
  readonly key_id: string;
  readonly certificate: Buffer;
  readonly shards: number;
  readonly activated_at: number | null;
  readonly retired_at: number | null;
  readonly stopped: string | null;
}

export function openAuthorities({ database, audit, writer }: Rooms): AuthorityStore {
  const roots: Statement<[], RootRow> = database.prepare('SELECT * FROM roots ORDER BY rowid');
  const generations: Statement<[], GenerationRow> = database.prepare(
    'SELECT * FROM generations ORDER BY issuer, number',
  );
  const insertRoot: Statement = database.prepare(
    'INSERT INTO roots (name, key_id, certificate) VALUES (?, ?, ?)',
  );
  const insertGeneration: Statement = database.prepare(
    `INSERT INTO generations (id, issuer, root, number, key_id, certificate, shards, activated_at, retired_at, stopped)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // the first reason is the one to look at
  const stop: Statement<[string, string]> = database.prepare(
    'UPDATE generations SET stopped = coalesce(stopped, ?) WHERE id = ?',
  );

  return {
    roots: () =>
      writer
        .read(() => roots.all())
        .map(({ name, key_id, certificate }) => ({ name, keyId: key_id, certificate })),
    generations: () => writer.read(() => generations.all()).map(readGeneration),
    addRoot: ({ name, keyId, certificate }, drafts) =>
      writer.write(() => {
        unique(`root ${name}`, () => insertRoot.run(name, keyId, certificate));
        audit.append(drafts);
      }),
    addGeneration: (facts, drafts) =>
      writer.write(() => {
        unique(`generation ${facts.id}`, () => insertGeneration.run(...generationParameters(facts)));
        audit.append(drafts);
      }),
    stopGeneration: (id, reason, drafts) =>
      writer.write(() => {
        if (stop.run(reason, id).changes === 0)
          throw new ChanceryError('not_found', {
            message: `there is no generation ${JSON.stringify(id)}`,
            rule: 'generations are made by init and by rotation',
            fix: 'See `chancery issuer list`.',
          });
        audit.append(drafts);
      }),
  };
}

function unique(what: string, insert: () => void): void {
  try {
    insert();
  } catch (error) {
    if (!isConstraintViolation(error, 'UNIQUE', 'PRIMARYKEY')) throw error;
    throw new ChanceryError('already_exists', {
      message: `there is a ${what} already`,
      rule: 'roots and generations are made once and never replaced',
      fix: 'Choose another name or number.',
    });
  }
}

const generationParameters = (facts: GenerationFacts): unknown[] => [
  facts.id,
  facts.issuer,
  facts.root,
  facts.number,
  facts.keyId,
  facts.certificate,
  facts.shards,
  facts.activatedAt,
  facts.retiredAt,
  facts.stopped,
];

const readGeneration = (row: GenerationRow): GenerationFacts => ({
  id: row.id,
  issuer: row.issuer,
  root: row.root,
  number: row.number,
  keyId: row.key_id,
  certificate: row.certificate,
  shards: row.shards,
  activatedAt: row.activated_at,
  retiredAt: row.retired_at,
  stopped: row.stopped,
});
