import Database from 'better-sqlite3';

/** Widens the window between the end of a job and the end of its transaction: without it no kill ever hits it. */
export function slowCommits(milliseconds: number): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const prototype = Database.prototype as { prepare: (this: unknown, sql: string) => Database.Statement };
  const { prepare } = prototype;
  prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql);
    if (sql !== 'COMMIT') return statement;
    const run = statement.run.bind(statement);
    statement.run = () => {
      Atomics.wait(cell, 0, 0, milliseconds);
      return run();
    };
    return statement;
  };
}
