/** Public CAs, and our accounts there. */
import type { Statement } from 'better-sqlite3';
import { DAY } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { PublicAuthorityStore } from '../../domain/renewal/ports.ts';
import type { Rooms } from './rooms.ts';

interface AuthorityRow {
  readonly name: string;
  readonly set_name: string | null;
  readonly spec: string;
}

interface AccountRow {
  readonly directory: string;
  readonly url: string | null;
  readonly sealed_key: Buffer;
}

export function openPublicAuthorities({ database, audit, writer }: Rooms): PublicAuthorityStore {
  const all: Statement<[], AuthorityRow> = database.prepare('SELECT * FROM public_authorities ORDER BY name');
  const put: Statement = database.prepare(
    'INSERT OR REPLACE INTO public_authorities (name, set_name, spec) VALUES (?, ?, ?)',
  );
  const remove: Statement = database.prepare('DELETE FROM public_authorities WHERE name = ?');
  const account: Statement<[string], AccountRow> = database.prepare(
    'SELECT * FROM public_accounts WHERE directory = ?',
  );
  const putAccount: Statement = database.prepare(
    'INSERT OR REPLACE INTO public_accounts (directory, url, sealed_key) VALUES (?, ?, ?)',
  );

  const failures = database
    .prepare<[string, string, number], number>(
      'SELECT at FROM public_failures WHERE directory = ? AND name = ? AND at > ? ORDER BY at',
    )
    .pluck();
  const noteFailure: Statement = database.prepare(
    'INSERT OR IGNORE INTO public_failures (directory, name, at) VALUES (?, ?, ?)',
  );
  const forgetFailures: Statement = database.prepare('DELETE FROM public_failures WHERE at < ?');

  return {
    authorities: () =>
      writer
        .read(() => all.all())
        .map(({ name, set_name, spec }) => ({ name, set: set_name, spec: JSON.parse(spec) as unknown })),
    putAuthority: ({ name, set, spec }, drafts) =>
      writer.write(() => {
        put.run(name, set, JSON.stringify(spec));
        audit.append(drafts);
      }),
    removeAuthority: (name, drafts) =>
      writer.write(() => {
        if (remove.run(name).changes === 0)
          throw new ChanceryError('not_found', {
            message: `there is no public CA ${JSON.stringify(name)}`,
            fix: 'See `chancery authority list`.',
          });
        audit.append(drafts);
      }),
    account(directory) {
      const row = writer.read(() => account.get(directory));
      return row && { directory: row.directory, url: row.url, sealedKey: row.sealed_key };
    },
    putAccount: ({ directory, url, sealedKey }, drafts) =>
      writer.write(() => {
        putAccount.run(directory, url, sealedKey);
        audit.append(drafts);
      }),
    failures: (directory, name, since) => writer.read(() => failures.all(directory, name, since)),
    noteFailure: (directory, names, at) =>
      writer.write(() => {
        forgetFailures.run(at - DAY);
        for (const name of names) noteFailure.run(directory, name, at);
      }),
  };
}
