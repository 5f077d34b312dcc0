import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { broken, rowFailure, severity, unavailable } from '../../../src/db/sqlite/failures.ts';

const sqliteError = (code: string): Error => new Database.SqliteError('the words of SQLite', code);

describe('an error of SQLite', () => {
  test.each([
    ['SQLITE_FULL', 'heals'],
    ['SQLITE_READONLY', 'heals'],
    ['SQLITE_READONLY_CANTLOCK', 'heals'],
    ['SQLITE_CANTOPEN', 'heals'],
    ['SQLITE_CANTOPEN_ISDIR', 'heals'],
    ['SQLITE_IOERR', 'heals'],
    ['SQLITE_IOERR_WRITE', 'heals'],
    ['SQLITE_IOERR_SHMSIZE', 'heals'],
    ['SQLITE_IOERR_NOMEM', 'heals'],
    ['SQLITE_BUSY', 'heals'],
    ['SQLITE_BUSY_SNAPSHOT', 'heals'],
    ['SQLITE_LOCKED', 'heals'],
    ['SQLITE_IOERR_FSYNC', 'fatal'],
    ['SQLITE_IOERR_DIR_FSYNC', 'fatal'],
    ['SQLITE_IOERR_CORRUPTFS', 'fatal'],
    ['SQLITE_CORRUPT', 'fatal'],
    ['SQLITE_CORRUPT_INDEX', 'fatal'],
    ['SQLITE_NOTADB', 'fatal'],
    ['SQLITE_CONSTRAINT_UNIQUE', 'row'],
    ['SQLITE_CONSTRAINT_DATATYPE', 'row'],
    ['SQLITE_TOOBIG', 'row'],
    ['SQLITE_ERROR', 'row'],
  ])('%s means: %s', (code, expected) => {
    expect(severity(sqliteError(code))).toBe(expected);
  });

  test('that is none of SQLite is of that row alone', () => {
    expect(severity(new TypeError('x'))).toBe('row');
    expect(severity(Object.assign(new Error('x'), { code: 'SQLITE_CORRUPT' }))).toBe('row');
  });

  test.each([
    ['SQLITE_BUSY', 1],
    ['SQLITE_FULL', 5],
  ])('%s lets callers come back after %i s', (code, seconds) => {
    expect(unavailable(sqliteError(code)).detail.retryAfter).toBe(seconds);
  });

  test('names its code to the caller, and what an operator can do', () => {
    expect(unavailable(sqliteError('SQLITE_FULL')).message).toContain('the words of SQLite (SQLITE_FULL)');
    expect(broken(sqliteError('SQLITE_IOERR_FSYNC')).detail.fix).toContain('disk');
  });

  test('about a row never quotes what was in the row', () => {
    const { code, message } = rowFailure(sqliteError('SQLITE_CONSTRAINT_UNIQUE'));
    expect(code).toBe('internal');
    expect(message).toContain('SQLITE_CONSTRAINT_UNIQUE');
    expect(message).not.toContain('the words of SQLite');
  });
});
