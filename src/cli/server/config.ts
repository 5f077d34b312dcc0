/** `chancery server config show|explain|reference`: without the server. */
import { join } from 'node:path';
import {
  type Configuration,
  explain,
  loadConfiguration,
  renderReference,
  resolveDataFolder,
  toPlain,
} from '../../config/index.ts';
import { parseClientFile } from '../client-file.ts';
import type { Printing } from '../command.ts';
import { readTextFileIfThere } from '../files.ts';
import { type LocalOptions, programOptions } from '../local.ts';
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

async function load(options: LocalOptions, terminal: Terminal): Promise<Configuration> {
  const { data, passphraseFile, settings, env, cwd } = programOptions(options, terminal);
  const config = options.config ?? (env['CHANCERY_CONFIG'] ? undefined : await remembered(options, terminal));
  return loadConfiguration({ flags: { data, config, passphraseFile, settings }, env, cwd });
}

/** The file that `init` was given. */
async function remembered({ data }: LocalOptions, { environment }: Terminal): Promise<string | undefined> {
  const path = join(resolveDataFolder(data, environment, process.cwd()).path, 'client.yaml');
  const text = await readTextFileIfThere(path);
  return text === undefined ? undefined : (await parseClientFile(path, text)).configuration;
}
