/** A command to be typed next, as it works from where the reader is. */
import type { ContextOptions } from './context.ts';

/** `npx --no-install chancery cert list --data D`: with the flags that led to the server this time. */
export function nextCommand(words: string, options: ContextOptions = {}): string {
  const flags = (['data', 'context', 'server'] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [` --${name} ${shellWord(value)}`];
  });
  return `${program()} ${words}${flags.join('')}`;
}

/** A checkout has no `chancery` on its PATH. */
const program = (): string =>
  /[\\/]node_modules[\\/]/.test(import.meta.dirname) ? 'chancery' : 'npx --no-install chancery';

/** Text as one word of a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
