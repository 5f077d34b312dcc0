/** `chancery __complete bash LINE BREAKS` and `chancery __complete zsh|fish WORD…`: what the scripts ask. */
import type { ExitCode, Session } from '../session.ts';
import { harmless, print } from '../terminal.ts';
import { complete } from './complete.ts';
import { afterBreak, splitLine } from './line.ts';

/** Says nothing where it knows nothing: a line of errors in the middle of typing helps nobody. */
export async function answer([shell, ...rest]: readonly string[], session: Session): Promise<ExitCode> {
  const words = shell === 'bash' ? splitLine(rest[0] ?? '') : rest;
  const typed = words.at(-1) ?? '';
  const completion = await complete(words.slice(0, -1), typed, session);
  if (typeof completion === 'string') {
    print(session.terminal, `:${completion}\n`);
    return 0;
  }
  const shown = (word: string): string => (shell === 'bash' ? afterBreak(word, typed, rest[1] ?? '') : word);
  print(
    session.terminal,
    completion.map(({ word, about }) => `${harmless(shown(word))}\t${harmless(about)}\n`).join(''),
  );
  return 0;
}
