/** Roots and generations. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import type { GenerationFacts } from '../../domain/issuance/issuer.ts';
import type { AuthorityStore, HierarchyStep } from '../../domain/issuance/ports.ts';
import {
  type GenerationRow,
  generationParameters,
  type PendingRow,
  readGeneration,
  readPending,
  readRoot,
  type RootRow,
} from './authority-row.ts';
import { isConstraintViolation } from './failures.ts';
import type { Rooms } from './rooms.ts';

export function openAuthorities({ database, audit, writer }: Rooms): AuthorityStore {
  const roots: Statement<[], RootRow> = database.prepare('SELECT * FROM roots ORDER BY rowid');
  const generations: Statement<[], GenerationRow> = database.prepare(
    'SELECT * FROM generations ORDER BY issuer, number',
  );
  const pending: Statement<[], PendingRow> = database.prepare(
    'SELECT * FROM pending_generations ORDER BY issuer, number',
  );
  const insertRoot: Statement = database.prepare(
    `INSERT INTO roots (name, line, number, key_id, certificate, prepared_at, activated_at, retired_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertGeneration: Statement = database.prepare(
    `INSERT INTO generations
       (id, issuer, root, number, key_id, certificate, shards, prepared_at, activated_at, retired_at, stopped,
        crls_held_back)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertPending: Statement = database.prepare(
    `INSERT INTO pending_generations (id, issuer, root, number, key_id, csr, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const endPending: Statement = database.prepare('DELETE FROM pending_generations WHERE id = ?');
  // a step is taken once: the first time is the one that counts
  const steps: Readonly<Record<string, Statement<[Instant, string]>>> = {
    'root current': database.prepare(
      'UPDATE roots SET activated_at = coalesce(activated_at, ?) WHERE name = ?',
    ),
    'root retired': database.prepare('UPDATE roots SET retired_at = coalesce(retired_at, ?) WHERE name = ?'),
    'generation current': database.prepare(
      'UPDATE generations SET activated_at = coalesce(activated_at, ?) WHERE id = ?',
    ),
    'generation retired': database.prepare(
      'UPDATE generations SET retired_at = coalesce(retired_at, ?) WHERE id = ?',
    ),
  };
  // the first reason is the one to look at
  const stop: Statement<[string, string]> = database.prepare(
    'UPDATE generations SET stopped = coalesce(stopped, ?) WHERE id = ?',
  );

  const release: Statement<[string]> = database.prepare(
    'UPDATE generations SET crls_held_back = 0 WHERE id = ?',
  );

  return {
    roots: () => writer.read(() => roots.all()).map(readRoot),
    generations: () => writer.read(() => generations.all()).map(readGeneration),
    pending: () => writer.read(() => pending.all()).map(readPending),
    addRoot: ({ name, line, number, keyId, certificate, preparedAt, activatedAt, retiredAt }, drafts) =>
      writer.write(() => {
        unique(`root ${name}`, () =>
          insertRoot.run(name, line, number, keyId ?? '', certificate, preparedAt, activatedAt, retiredAt),
        );
        audit.append(drafts);
      }),
    addGeneration: (facts, drafts) =>
      writer.write(() => {
        addUnique(facts);
        audit.append(drafts);
      }),
    addPending: ({ id, issuer, root, number, keyId, csr, createdAt }, drafts) =>
      writer.write(() => {
        unique(`request for ${id}`, () => insertPending.run(id, issuer, root, number, keyId, csr, createdAt));
        audit.append(drafts);
      }),
    advance: (step, drafts) =>
      writer.write(() => {
        if (steps[`${step.of} ${step.to}`]?.run(step.at, step.id).changes !== 1)
          throw notThere(step.of, step.id);
        audit.append(drafts);
      }),
    stopGeneration: (id, reason, drafts) =>
      writer.write(() => {
        if (stop.run(reason, id).changes === 0) throw notThere('generation', id);
        audit.append(drafts);
      }),
    releaseCrls: (id, drafts) =>
      writer.write(() => {
        if (release.run(id).changes === 0) throw notThere('generation', id);
        audit.append(drafts);
      }),
  };

  function addUnique(facts: GenerationFacts): void {
    endPending.run(facts.id);
    unique(`generation ${facts.id}`, () => insertGeneration.run(...generationParameters(facts)));
  }
}

const notThere = (kind: HierarchyStep['of'], id: string): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no ${kind} ${JSON.stringify(id)}`,
    rule: `${kind}s are made by init and by rotation`,
    fix: `See \`chancery ${kind === 'root' ? 'ca' : 'issuer'} list\`.`,
  });

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
