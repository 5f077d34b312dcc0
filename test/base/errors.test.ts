import { describe, expect, it } from 'vitest';
import { ChanceryError, type ErrorCode, ERRORS, isChanceryError } from '../../src/base/errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

describe('the table of errors', () => {
  it.each(codes)('%s has a name, a status, an exit code and a title of its kind', (code) => {
    const { status, exit, title } = ERRORS[code];
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status === Math.trunc(status) && status >= 400 && status < 600).toBe(true);
    expect([1, 2, 3, 4, 5]).toContain(exit);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
  });

  it('refusals exit with 3, absences with 4', () => {
    for (const code of codes) {
      const { status, exit } = ERRORS[code];
      if (status === 401 || status === 403) expect([code, exit]).toEqual([code, 3]);
      if (status === 404) expect([code, exit]).toEqual([code, 4]);
    }
  });

  it('titles are different', () => {
    expect(new Set(codes.map((code) => ERRORS[code].title)).size).toBe(codes.length);
  });
});

describe('an error', () => {
  it('carries code, message, rule and fix', () => {
    const error = new ChanceryError('weak_key', { message: 'm', rule: 'r', fix: 'f' });
    expect(error).toMatchObject({
      name: 'ChanceryError',
      code: 'weak_key',
      message: 'm',
      detail: { rule: 'r', fix: 'f' },
    });
    expect(isChanceryError(error)).toBe(true);
    expect(isChanceryError(new Error('m'))).toBe(false);
    expect(new ChanceryError('internal', 'm').detail).toEqual({ message: 'm' });
  });
});
