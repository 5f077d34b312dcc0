/** What the commands of every noun have in common. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../base/clock.ts';
import type { Label, Labels } from '../domain/issuance/labels.ts';
import type { ContextOptions } from './context.ts';
import { OUTPUT_MODES, type OutputMode } from './output.ts';
import type { ExitCode, Session } from './session.ts';

export interface Printing {
  readonly output: OutputMode;
}

/** Options of a verb that asks the server and prints data. */
export type Asking = ContextOptions & Printing;

/** A noun: nothing by itself, a place for its verbs. */
export const noun = (program: Command, name: string, description: string): Command =>
  program.command(name).description(description).helpCommand(false);

/** `--data`, `--server`, `--context`. */
export const reaching = (command: Command): Command =>
  command
    .optionsGroup('Server:')
    .option('--data <dir>', 'data folder of a server on this host (environment: CHANCERY_DATA)')
    .option('--server <url>', 'URL of the server (environment: CHANCERY_SERVER)')
    .option('--context <name>', 'a server of ~/.config/chancery/config.yaml (environment: CHANCERY_CONTEXT)');

export const printing = (command: Command): Command =>
  command
    .optionsGroup('Output:')
    .addOption(
      new Option('-o, --output <mode>', 'how data is printed').choices(OUTPUT_MODES).default('table'),
    );

/** A verb that asks the server and prints. */
export const asking = (command: Command): Command => printing(reaching(command));

/** For an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `--uri`, `--dns`, `--ip`, `--email`. */
export const naming = (command: Command, what = 'name in the certificate'): Command =>
  command
    .option('--uri <id>', `SPIFFE ID; /app completes the trust domain (${what}; repeat it for more)`, collect)
    .option('--dns <name>', 'DNS name (repeat it for more)', collect)
    .option('--ip <address>', 'IP address (repeat it for more)', collect)
    .option('--email <address>', 'e-mail address (repeat it for more)', collect);

/** `--owner`, `--label`. */
export const belonging = (command: Command): Command =>
  command
    .option('--owner <text>', 'who answers for it; left out: the owner of the grant or token that allows it')
    .option('--label <key=value>', 'to find it again (repeat it for more)', collectLabel);

export const collectLabel = (text: string, before: Labels = {}): Labels => {
  const { key, value } = labelOf(text);
  return { ...before, [key]: value };
};

/** `key:value`, as searches have it. */
export function labelText(text: string): string {
  const { key, value } = labelOf(text);
  return `${key}:${value}`;
}

function labelOf(text: string): Label {
  const [, key, value] = /^([a-z0-9][a-z0-9._/-]{0,62})=(.*)$/su.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError(
      'Write it as key=value; keys are a-z, 0-9, dots, dashes, slashes, underscores.',
    );
  return { key, value };
}

export function duration(text: string): string {
  if (parseDuration(text) === undefined)
    throw new InvalidArgumentError('Write it as 90d, 12h, 1h30m or 45s.');
  return text;
}

export function countOrZero(text: string): number {
  return text === '0' ? 0 : count(text);
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a number above zero.');
  return Number(text);
}

/** A verb's own file: loaded when the verb was typed. Without a code it went well. */
export type Verb<Options, Operands extends readonly (string | undefined)[]> = (
  session: Session,
  options: Options,
  ...operands: Operands
) => Promise<ExitCode | void>;

/** Where a verb's exit code is left for the program. */
export interface Outcome {
  exit: ExitCode;
}

/** commander's action for a verb: options of the commands above it count as its own. */
export const run =
  <Options, Operands extends readonly (string | undefined)[]>(
    { session, outcome }: Wiring,
    load: () => Promise<Verb<Options, Operands>>,
  ) =>
  async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    const operands = args.slice(0, -2) as unknown as Operands;
    let options: object = {};
    for (let at: Command | null = command; at !== null; at = at.parent)
      options = { ...at.opts(), ...options };
    const verb = await load();
    outcome.exit = (await verb(session, options as Options, ...operands)) ?? 0;
  };

/** What a noun gets to wire its verbs. */
export interface Wiring {
  readonly session: Session;
  readonly outcome: Outcome;
}
