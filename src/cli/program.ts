/** The tree of commands. Only the noun that was typed is loaded: `chancery` answers while Node still warms up. */
import { Command, CommanderError, Option } from 'commander';
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
  const program = rootCommand(session);
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

function rootCommand({ terminal }: Session): Command {
  return (
    new Command('chancery')
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
      .version(packageVersion(), '-V, --version', 'print the version')
      // before the noun they work as well
      .addOption(new Option('--data <dir>').hideHelp())
      .addOption(new Option('--server <url>').hideHelp())
      .addOption(new Option('--context <name>').hideHelp())
      .helpOption('-h, --help', 'show help')
      .addHelpText('after', '\n`chancery <noun> --help` and `chancery <noun> <verb> --help` say more.')
  );
}

async function addNouns(program: Command, line: readonly string[], wiring: Wiring): Promise<void> {
  const typed = findNoun(line);
  for (const { name, topic, summary, load } of NOUNS) {
    program.commandsGroup(topic);
    if (name === typed) (await load())(program, wiring);
    else program.command(name).summary(summary);
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
