/** The word of a person before something that cannot be undone. */
import { ChanceryError } from '../base/errors.ts';
import { say, type Terminal } from './terminal.ts';

/**
 * Whether it was said before (`--yes`, or CHANCERY_YES=1). Throws `usage` where it was not and nobody can be asked:
 * nothing ever waits for a pipe.
 */
export function saidBefore(
  terminal: Terminal,
  yes: boolean | undefined,
  deed: string,
  look = 'Look at it with --dry-run',
): boolean {
  if (yes === true || terminal.environment['CHANCERY_YES'] === '1') return true;
  if (terminal.ask !== undefined) return false;
  throw new ChanceryError('usage', {
    message: `${deed} is not undone, and nobody is here to be asked`,
    rule: 'without a terminal it takes --yes',
    fix: `${look}, then add --yes.`,
  });
}

/** Has `word` typed. Throws `usage` where something else was. */
export async function confirm(terminal: Terminal, word: string, what: string): Promise<void> {
  const typed = await terminal.ask?.(`Type ${word} to ${what}: `);
  if (typed?.trim() === word) return;
  say(terminal, '');
  throw new ChanceryError('usage', {
    message: 'not confirmed; nothing was changed',
    rule: `the answer is ${word}`,
    fix: 'Run it again and type that, or add --yes.',
  });
}
