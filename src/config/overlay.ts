/** What flags and the environment say on top of the file. */
import { didYouMean } from './did-you-mean.ts';
import type { Environment } from './data-folder.ts';
import type { Plain } from './document.ts';
import type { Fault } from './faults.ts';
import { scalarSettings, type SchemaNode } from './schema-tree.ts';

/** Settings of the command line. What is left out or `undefined` was not given. */
export interface Flags {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Single settings by their path: `{ 'log.level': 'debug' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface Overlay {
  readonly path: readonly string[];
  readonly value: Plain;
  readonly source: 'flag' | 'environment';
  /** `--passphrase-file`, `CHANCERY_LISTEN_HTTPS` */
  readonly origin: string;
}

const PASSPHRASE = ['keys', 'passphrase'];
/** Twins of flags that are shorter than their setting. */
const PASSPHRASE_FILE = { variable: 'CHANCERY_PASSPHRASE_FILE', flag: '--passphrase-file' };
/** Names under which somebody might try to hand over the secret itself. */
const SECRET_VARIABLES = ['CHANCERY_PASSPHRASE', 'CHANCERY_KEYS_PASSPHRASE'];

/** In the order in which they are laid on: environment, then flags. */
export function overlaysOf(flags: Flags, env: Environment): { overlays: Overlay[]; faults: Fault[] } {
  const faults = SECRET_VARIABLES.filter((name) => isSet(env[name])).map(secretInEnvironment);
  const overlays: Overlay[] = [];
  for (const { path, node, variable } of scalarSettings()) {
    const text = env[variable];
    if (isSet(text))
      overlays.push({ ...withSecret(path, read(text, node)), source: 'environment', origin: variable });
  }
  const passphrase = env[PASSPHRASE_FILE.variable];
  if (isSet(passphrase))
    overlays.push({
      path: PASSPHRASE,
      value: { file: passphrase },
      source: 'environment',
      origin: PASSPHRASE_FILE.variable,
    });
  for (const [name, text] of Object.entries(flags.settings ?? {})) {
    const known = scalarSettings();
    const found = known.find(({ path }) => path.join('.') === name);
    if (found === undefined)
      faults.push(
        unknownSetting(
          name,
          known.map(({ path }) => path.join('.')),
        ),
      );
    else
      overlays.push({
        ...withSecret(found.path, read(text, found.node)),
        source: 'flag',
        origin: `--set ${name}`,
      });
  }
  if (flags.passphraseFile !== undefined)
    overlays.push({
      path: PASSPHRASE,
      value: { file: flags.passphraseFile },
      source: 'flag',
      origin: PASSPHRASE_FILE.flag,
    });
  return { overlays, faults };
}

const isSet = (text: string | undefined): text is string => text !== undefined && text !== '';

/** A reference to a secret is replaced whole: a file here ends a credential there. */
function withSecret(path: readonly string[], value: Plain): { path: readonly string[]; value: Plain } {
  const inSecret = path.length > PASSPHRASE.length && PASSPHRASE.every((part, i) => path[i] === part);
  return inSecret ? { path: PASSPHRASE, value: { [path.at(-1) ?? '']: value } } : { path, value };
}

/** Text as the setting's type; what does not fit stays text and is refused by the schema. */
function read(text: string, node: SchemaNode): Plain {
  if (node.type === 'integer' && /^\d{1,15}$/.test(text)) return Number(text);
  if (node.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

const secretInEnvironment = (name: string): Fault => ({
  path: [],
  where: 'environment',
  message: `${name} is set`,
  rule: 'a secret does not travel by environment: every process that is started from here can read it',
  fix: `Put the passphrase into a file, name it with ${PASSPHRASE_FILE.variable}, and change it.`,
});

const unknownSetting = (name: string, known: readonly string[]): Fault => ({
  path: [],
  where: 'command line',
  message: `unknown setting ${JSON.stringify(name.slice(0, 80))}${didYouMean(name, known)}`,
  rule: 'single values can be set by flag',
  fix: `Known: ${known.join(', ')}.`,
});
