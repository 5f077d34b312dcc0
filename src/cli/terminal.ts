/** The terminal as the verbs see it: data goes to stdout, talk goes to stderr. */
import type { Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';

export interface Terminal extends Clock {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks on stderr and reads a line from stdin; absent where nobody sits there. */
  readonly ask?: (question: string) => Promise<string>;
}

/** Data: what a next program reads. */
export const print = (terminal: Terminal, text: string): void => void terminal.stdout.write(text);

/** Talk: what a person reads. One line. */
export const say = (terminal: Terminal, line: string): void => void terminal.stderr.write(`${line}\n`);

/** Colour only where a person looks, and only if they did not ask for none (no-color.org). */
export const hasColour = (terminal: Terminal, stream: 'stdout' | 'stderr'): boolean =>
  terminal[stream].isTTY === true &&
  (terminal.environment['NO_COLOR'] ?? '') === '' &&
  terminal.environment['TERM'] !== 'dumb';

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

export const paint = (on: boolean, colour: keyof typeof CODES, text: string): string =>
  on ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;

/** Text from elsewhere without characters that steer a terminal. */
export const harmless = (text: string): string =>
  text.replace(
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
