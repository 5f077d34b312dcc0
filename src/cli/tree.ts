/** The tree of commands: nouns with their verbs. */
import { Command, Option } from 'commander';
import type { Wiring } from './command.ts';
import { findNoun, NOUNS } from './nouns.ts';
import type { Terminal } from './terminal.ts';
import { packageVersion } from './version.ts';

/** Only the noun that was typed is loaded: `chancery` answers while Node still warms up. */
export async function addNouns(program: Command, line: readonly string[], wiring: Wiring): Promise<void> {
  const typed = findNoun(line);
  for (const { name, topic, summary, load } of NOUNS) {
    program.commandsGroup(topic);
    if (name === typed) (await load())(program, wiring);
    else program.command(name).summary(summary);
  }
}

export function rootCommand(terminal: Terminal): Command {
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
