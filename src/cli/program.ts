/** From a command line to an exit code. */
import { type Command, CommanderError } from 'commander';
import { ChanceryError } from '../base/errors.ts';
import type { Outcome } from './command.ts';
import { report } from './errors.ts';
import { nearestWord } from './nearest-word.ts';
import { findNoun, NOUNS } from './nouns.ts';
import type { ExitCode, Session } from './session.ts';
import { addNouns, rootCommand } from './tree.ts';

/** What the completion scripts call; no help shows it. */
const COMPLETE = '__complete';

/** Runs one command line (without the program's own name) and returns the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], session: Session): Promise<ExitCode> {
  if (args[0] === COMPLETE) return (await import('./completion/answer.ts')).answer(args.slice(1), session);
  const outcome: Outcome = { exit: 0 };
  const line = args[0] === 'help' ? [...args.slice(1), '--help'] : args.length === 0 ? ['--help'] : [...args];
  const program = rootCommand(session.terminal);
  try {
    await addNouns(program, line, { session, outcome });
    await program.parseAsync(line, { from: 'user' });
    return outcome.exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(session.terminal, error);
    if (error.exitCode === 0) return 0; // help or version was printed
    if (error.code === 'commander.help') return 1; // a noun without a verb: its help is on stderr
    return report(session.terminal, usageError(error, program, line));
  }
}

function usageError(error: CommanderError, program: Command, line: readonly string[]): ChanceryError {
  const [text = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const [message = '', hint] = text.split(/(?<= is invalid)\. /);
  const rule = hint?.startsWith('Allowed') ? hint : undefined;
  const meant = suggestion?.replace(/^\(Did you mean (.*)\?\)$/, '$1') ?? nearestNoun(error, line);
  return new ChanceryError('usage', {
    message,
    ...(rule && { rule }),
    fix:
      meant !== undefined
        ? `Did you mean ${meant}?`
        : (hint !== rule && hint) || `See \`${commandPath(program, line)} --help\`.`,
  });
}

/** `chancery cert issue`: as much of the line as names a command. */
function commandPath(program: Command, line: readonly string[]): string {
  const path = [program.name()];
  let at: Command | undefined = program;
  for (const word of line) {
    at = at.commands.find((command) => command.name() === word);
    if (at === undefined) break;
    path.push(word);
  }
  return path.join(' ');
}

function nearestNoun({ code }: CommanderError, line: readonly string[]): string | undefined {
  const names = NOUNS.map(({ name }) => name);
  const typed = findNoun(line) ?? '';
  return code !== 'commander.unknownCommand' || names.includes(typed) ? undefined : nearestWord(typed, names);
}
