/** `chancery server config show|explain|reference`: without the server. */
import {
  type Configuration,
  explain,
  loadConfiguration,
  renderReference,
  toPlain,
} from '../../config/index.ts';
import type { Printing } from '../command.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import { printListing, printResource } from '../output.ts';
import type { Session } from '../session.ts';
import { print, type Terminal } from '../terminal.ts';

type ConfigOptions = LocalOptions & Printing;

export async function showConfiguration({ terminal }: Session, options: ConfigOptions): Promise<void> {
  const configuration = await load(options, terminal);
  if (options.output === 'name') return print(terminal, `${configuration.file ?? 'built-in'}\n`);
  // people write it in YAML: they read it so, too
  await printResource(terminal, options.output === 'json' ? 'json' : 'yaml', toPlain(configuration));
}

export async function explainConfiguration({ terminal }: Session, options: ConfigOptions): Promise<void> {
  const settings = explain(await load(options, terminal));
  await printListing(terminal, options.output, {
    resource: settings,
    rows: settings,
    columns: [
      { title: 'SETTING', value: ({ setting }) => setting },
      {
        title: 'VALUE',
        value: ({ value }) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')),
      },
      { title: 'SOURCE', value: ({ source }) => source },
      { title: 'FROM', value: ({ origin }) => origin ?? '' },
    ],
    name: ({ setting }) => setting,
    empty: 'there is no setting',
  });
}

export const printReference = async ({ terminal }: Session): Promise<void> =>
  print(terminal, await renderReference());

function load(options: LocalOptions, terminal: Terminal): Promise<Configuration> {
  const { config, data, passphraseFile, settings, env, cwd } = programOptions(options, terminal);
  return loadConfiguration({ flags: { config, data, passphraseFile, settings }, env, cwd });
}
