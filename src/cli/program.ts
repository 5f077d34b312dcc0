/** The tree of commands. Only the noun that was typed is loaded: `chancery` answers while Node still warms up. */
import { Command, CommanderError } from 'commander';
import { ChanceryError } from '../base/errors.ts';
import type { Outcome, Wiring } from './command.ts';
import { report } from './errors.ts';
import { nearestWord } from './nearest-word.ts';
import { findNoun, NOUNS } from './nouns.ts';
import type { ExitCode, Session } from './session.ts';
import { packageVersion } from './version.ts';

/** Runs one command line (without the program's own name) and returns the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], session: Session): Promise<ExitCode> {
  const outcome: Outcome = { exit: 0 };
  const line = args[0] === 'help' ? [...args.slice(1), '--help'] : args.length === 0 ? ['--help'] : [...args];
  try {
    const program = await buildProgram(line, { session, outcome });
    await program.parseAsync(line, { from: 'user' });
    return outcome.exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(session.terminal, error);
    if (error.exitCode === 0) return 0; // help or version was printed
    if (error.code === 'commander.help') return 1; // a noun without a verb: its help is on stderr
    return report(session.terminal, usageError(error, line));
  }
}

async function buildProgram(line: readonly string[], wiring: Wiring): Promise<Command> {
  const { terminal } = wiring.session;
  const program = new Command('chancery')
    .description('An internal certificate authority: identities for workloads, hosts and people.')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, helpWidth: 100, minWidthToWrap: 60 })
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: () => undefined, // report() says it
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', '\n`chancery <noun> --help` and `chancery <noun> <verb> --help` say more.');
  program.version(packageVersion(), '-V, --version', 'print the version');
  const typed = findNoun(line);
  for (const noun of NOUNS) {
    program.commandsGroup(noun.topic);
    if (noun.name === typed) (await noun.load())(program, wiring);
    else program.command(noun.name).summary(noun.summary);
  }
  return program;
}

function usageError(error: CommanderError, line: readonly string[]): ChanceryError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const words = line.slice(0, 3).filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-'));
  const meant = suggestion?.replace(/^\(Did you mean (.*)\?\)$/, '$1') ?? nearestNoun(error, line);
  return new ChanceryError('usage', {
    message,
    fix:
      meant === undefined
        ? `See \`${['chancery', ...words, '--help'].join(' ')}\`.`
        : `Did you mean ${meant}?`,
  });
}

const nearestNoun = ({ code }: CommanderError, [first = '']: readonly string[]): string | undefined =>
  code === 'commander.unknownCommand'
    ? nearestWord(
        first,
        NOUNS.map(({ name }) => name),
      )
    : undefined;
