/** `chancery init` and `chancery dev`: verbs that are the server's own program. */
import { type Command, InvalidArgumentError } from 'commander';
import { ChanceryError } from '../base/errors.ts';
import { printing, type Printing, run, type Wiring } from './command.ts';
import { printResource } from './output.ts';
import { type LocalOptions, programOptions } from './program-options.ts';
import type { ExitCode, Session } from './session.ts';
import { print } from './terminal.ts';

/** Flags of the programs that own a data folder. */
export const owning = (command: Command): Command =>
  command
    .option('--data <dir>', 'data folder (environment: CHANCERY_DATA)')
    .option(
      '--config <file>',
      'configuration in YAML; left out: the one of init (environment: CHANCERY_CONFIG)',
    )
    .option(
      '--passphrase-file <file>',
      'passphrase that the keys are sealed with (environment: CHANCERY_PASSPHRASE_FILE)',
    )
    .option('--set <setting=value>', 'a single setting, e.g. log.level=debug (repeat it for more)', setting);

function setting(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Write it as setting=value.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

export function addInit(program: Command, wiring: Wiring): void {
  printing(
    owning(
      program
        .command('init')
        .description(
          'Make an authority in a data folder: roots, issuers, the first login. What is there already stays.',
        )
        .option(
          '--root-key-out <dir>',
          'make the roots for elsewhere: their keys are sealed into this folder, never into the data folder',
        )
        .option(
          '--root-passphrase-file <file>',
          'passphrase that the roots are sealed with; left out: one is made beside them',
        ),
    ),
  ).action(run(wiring, async () => init));
}

export function addDev(program: Command, wiring: Wiring): void {
  owning(
    program
      .command('dev')
      .description(
        'Run a server, made if there is none, and two sample services that call each other over mTLS.',
      ),
  ).action(run(wiring, async () => dev));
}

interface InitOptions extends LocalOptions, Printing {
  readonly rootKeyOut?: string;
  readonly rootPassphraseFile?: string;
}

async function init({ terminal, programs }: Session, options: InitOptions): Promise<void> {
  const { rootKeyOut, rootPassphraseFile } = options;
  if (rootKeyOut === undefined && rootPassphraseFile !== undefined)
    throw new ChanceryError('usage', {
      message: '--root-passphrase-file without --root-key-out',
      rule: 'roots that stay in the data folder are sealed as all keys there are',
      fix: 'Name the folder that the roots go to: --root-key-out DIR.',
    });
  const { initialize } = await programs();
  const forPeople = options.output === 'table' || options.output === 'wide';
  const made = await initialize({
    ...programOptions(options, terminal, forPeople ? 'stdout' : 'stderr'),
    ...(rootKeyOut !== undefined && {
      rootsAway: { folder: rootKeyOut, passphraseFile: rootPassphraseFile },
    }),
  });
  if (options.output === 'json' || options.output === 'yaml')
    await printResource(terminal, options.output, made);
  if (options.output === 'name') print(terminal, `${made.data}\n`);
}

const dev = async ({ terminal, programs }: Session, options: LocalOptions): Promise<ExitCode> =>
  (await programs()).runDevelopment(programOptions(options, terminal));
