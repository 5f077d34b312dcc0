/** Failures of the system carry a code. */

/** Whether it is an error with one of these codes: `ENOENT`, `EEXIST`. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));
