/** The scheduler's store with a million managed certificates: looking when nothing is due, and taking 1,000 that are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DAY, SECOND } from '../../src/base/clock.ts';
import { openStore } from '../../src/db/sqlite/index.ts';
import { systemClock } from '../../src/server/world.ts';

const ROWS = 1_000_000;
const DUE = 1000;
const ROUNDS = 1000;

const quantile = (all: readonly number[], share: number): string =>
  ([...all].sort((a, b) => a - b)[Math.floor((all.length - 1) * share)] ?? 0).toFixed(3);

export async function benchManaged(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-bench-'));
  const file = join(folder, 'chancery.db');
  const now = systemClock.now();
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const onFatal = (): void => undefined;
  try {
    await openStore({ clock: systemClock, log, onFatal, file }).close();
    fill(file, now);
    const store = openStore({ clock: systemClock, log, onFatal, file });
    const { managed } = store;
    const before = process.memoryUsage().rss;

    const idle = timed(() => void managed.nextDue());
    const empty: number[] = [];
    for (let n = 0; n < 50; n += 1) {
      const started = performance.now();
      if ((await managed.claim(now, DUE, now + DAY)).length > 0) throw new Error('something was due');
      empty.push(performance.now() - started);
    }
    const taken: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      await managed.wake(
        Array.from({ length: DUE }, (_, i) => nameOf((i * 997 + n * 31) % ROWS)),
        now,
      );
      const started = performance.now();
      const claims = await managed.claim(now, DUE, now + 60 * SECOND);
      taken.push(performance.now() - started);
      if (claims.length !== DUE) throw new Error(`${claims.length} were taken`);
      for (const claim of claims) await managed.release(claim, now + DAY);
    }
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    process.stdout.write(
      [
        `${ROWS} managed certificates, file ${(sizeOf(file) / 2 ** 20).toFixed(0)} MiB`,
        `idle look (nextDue): median ${quantile(idle, 0.5)} ms, p99 ${quantile(idle, 0.99)} ms`,
        `claim with nothing due: median ${quantile(empty, 0.5)} ms, p99 ${quantile(empty, 0.99)} ms`,
        `claim of ${DUE} that are due, durable: median ${quantile(taken, 0.5)} ms, worst ${quantile(taken, 1)} ms`,
        `memory: ${grown.toFixed(0)} MiB more`,
        '',
      ].join('\n'),
    );
    await store.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const nameOf = (n: number): string => `shop-${String(n).padStart(7, '0')}`;

function timed(act: () => void): number[] {
  return Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    act();
    return performance.now() - started;
  });
}

function sizeOf(file: string): number {
  const database = new Database(file, { readonly: true });
  const size = database
    .prepare<[], number>('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size')
    .pluck()
    .get();
  database.close();
  return size ?? 0;
}

/** Wishes of 90 days, due over the weeks to come, each with a version. */
function fill(file: string, now: number): void {
  const database = new Database(file);
  const put = database.prepare(
    'INSERT INTO managed (name, set_name, revision, facts, due_at) VALUES (?, NULL, 1, ?, ?)',
  );
  const version = database.prepare(
    'INSERT INTO managed_versions (managed, number, over, serial, facts) VALUES (?, 1, 0, ?, ?)',
  );
  database.transaction(() => {
    for (let n = 0; n < ROWS; n += 1) {
      const name = nameOf(n);
      const facts = JSON.stringify({
        name,
        wish: { names: [{ kind: 'dns', value: `${name}.example.test` }] },
      });
      put.run(name, facts, now + DAY + n * SECOND);
      version.run(name, n.toString(16).padStart(32, '0'), JSON.stringify({ managed: name, number: 1 }));
    }
  })();
  database.close();
}
