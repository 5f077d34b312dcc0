/** What can follow, read off the tree of commands. */
import type { Argument, Command, Option } from 'commander';
import { collect } from '../command.ts';
import type { ContextOptions } from '../context.ts';
import type { Session } from '../session.ts';
import { addNouns, rootCommand } from '../tree.ts';
import { type Collection, contextNames, liveNames } from './live.ts';

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** Words to choose from, or something that the shell itself knows. */
export type Completion = readonly Candidate[] | 'files' | 'folders';

/** What the values of an option or the operands of a verb are. */
type Kind = Collection | 'contexts' | 'files' | 'folders' | 'unknown';

/** For a line of which `typed` is the last, unfinished word, and `before` all between the program and that. */
export async function complete(
  before: readonly string[],
  typed: string,
  session: Session,
): Promise<Completion> {
  const program = rootCommand(session.terminal);
  await addNouns(program, before, { session, outcome: { exit: 0 } });
  const { command, operands, options, open, onlyOperands } = readLine(program, before);

  const find = (kind: Kind): Promise<Completion> => candidatesOf(kind, options, session);
  if (open !== undefined) return matching(await valuesOf(open, find), typed);
  const [, flag = '', begin] = (!onlyOperands && /^(--[^=]+)=([^]*)$/.exec(typed)) || [];
  if (begin !== undefined) {
    const option = findOption(command, flag);
    const values = option === undefined ? [] : matching(await valuesOf(option, find), begin);
    return typeof values === 'string' ? values : values.map((value) => prefixed(`${flag}=`, value));
  }
  if (!onlyOperands && typed.startsWith('-')) return matching(flagsOf(command, options), typed);
  if (command.commands.length > 0) return operands.length === 0 ? matching(verbsOf(command), typed) : [];
  const argument = command.registeredArguments[operands.length];
  if (argument !== undefined) return matching(await find(kindOfArgument(argument, command)), typed);
  return onlyOperands ? [] : matching(flagsOf(command, options), typed);
}

interface Line {
  readonly command: Command;
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  /** An option whose value comes next. */
  readonly open: Option | undefined;
  /** After `--`. */
  readonly onlyOperands: boolean;
}

function readLine(program: Command, words: readonly string[]): Line {
  let command = program;
  let open: Option | undefined;
  let onlyOperands = false;
  const operands: string[] = [];
  const options: Record<string, string> = {};
  for (const word of words) {
    if (open !== undefined) {
      options[open.attributeName()] = word;
      open = undefined;
    } else if (onlyOperands) operands.push(word);
    else if (word === '--') onlyOperands = true;
    else if (word.startsWith('-') && word !== '-') {
      const [flag = '', value] = word.split(/=([^]*)/, 2);
      const option = findOption(command, flag);
      if (option === undefined) continue;
      if (option.required && value === undefined) open = option;
      else options[option.attributeName()] = value ?? '';
    } else {
      const inner = operands.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (inner === undefined) operands.push(word);
      else command = inner;
    }
  }
  return { command, operands, options, open, onlyOperands };
}

function findOption(command: Command, flag: string): Option | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const found = at.options.find(({ long, short }) => long === flag || short === flag);
    if (found !== undefined) return found;
  }
  return undefined;
}

const verbsOf = (command: Command): Candidate[] =>
  command.commands.map((inner) => ({
    word: inner.name(),
    about: firstSentence(inner.summary() || inner.description()),
  }));

/** Those that are not there yet, or may be there several times. */
const flagsOf = (command: Command, given: Readonly<Record<string, string>>): Candidate[] => [
  ...command.options
    .filter(
      (option) =>
        !option.hidden && (!(option.attributeName() in given) || option.parseArg === (collect as unknown)),
    )
    .map((option) => ({ word: option.long ?? option.short ?? '', about: option.description })),
  { word: '--help', about: 'show help' },
];

async function valuesOf(option: Option, find: (kind: Kind) => Promise<Completion>): Promise<Completion> {
  if (option.argChoices !== undefined) return option.argChoices.map((word) => ({ word, about: '' }));
  return find(kindOfOption(option));
}

const OPTIONS: Readonly<Record<string, Kind>> = {
  '--issuer': 'issuers',
  '--profile': 'profiles',
  '--context': 'contexts',
};

/** Its placeholder says it: `--out <dir>`. An `--issuer <file>` is a file. */
function kindOfOption({ flags, long }: Option): Kind {
  if (flags.endsWith('<dir>')) return 'folders';
  if (flags.endsWith('<file>')) return 'files';
  return OPTIONS[long ?? ''] ?? 'unknown';
}

/** Verbs that make something: its name is new. */
const CREATES = new Set(['create', 'prepare', 'import']);

const NOUNS: Readonly<Record<string, Collection>> = {
  ca: 'roots',
  issuer: 'issuers',
  profile: 'profiles',
  grant: 'grants',
  token: 'tokens',
  managed: 'managed',
  authority: 'authorities',
};

function kindOfArgument(argument: Argument, command: Command): Kind {
  const name = argument.name();
  if (name === 'dir') return 'folders';
  if (name === 'leaf' || name.split('|').includes('file')) return 'files';
  if (name === 'managed') return 'managed';
  if (CREATES.has(command.name()) || (name !== 'name' && name !== 'id')) return 'unknown';
  return NOUNS[command.parent?.name() ?? ''] ?? 'unknown';
}

async function candidatesOf(kind: Kind, options: ContextOptions, { terminal }: Session): Promise<Completion> {
  if (kind === 'files' || kind === 'folders') return kind;
  if (kind === 'unknown') return [];
  const names = kind === 'contexts' ? await contextNames(terminal) : await liveNames(kind, options, terminal);
  return names.map((word) => ({ word, about: '' }));
}

const matching = (completion: Completion, typed: string): Completion =>
  typeof completion === 'string' ? completion : completion.filter(({ word }) => word.startsWith(typed));

const prefixed = (prefix: string, { word, about }: Candidate): Candidate => ({ word: prefix + word, about });

const firstSentence = (text: string): string => text.split('. ', 1)[0]?.replace(/\.$/, '') ?? '';
