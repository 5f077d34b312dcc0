/** Faults of a configuration: all of them are told at once, each with its place, value, rule and fix. */
import { ChanceryError } from '../base/errors.ts';

export type SettingPath = readonly (string | number)[];

export interface Fault {
  readonly path: SettingPath;
  /** The fault is the key itself, not its value. */
  readonly atKey?: boolean;
  /** Where it is, when the path alone does not tell: `chancery.yaml:3:1`. */
  readonly where?: string;
  readonly message: string;
  readonly rule: string;
  readonly fix: string;
}

const SHOWN = 20;

/** `issuers.servers.profiles[0]` */
export const formatPath = (path: SettingPath): string =>
  path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`)).join('');

/** A value as a message shows it: short, on one line. */
export function formatValue(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Throws `invalid_configuration` unless there are no faults. `whereOf` gives the place of a fault. */
export function refuseFaults(
  faults: readonly Fault[],
  whereOf: (fault: Fault) => string,
  help = '`chancery server config reference` shows every setting',
): void {
  const told = faults.slice(0, SHOWN).map((fault) => ({ ...fault, where: whereOf(fault) }));
  const [first] = told;
  if (first === undefined) return;
  const errors = told.map(({ where, message, rule, fix }) => ({
    field: where,
    message: `${sentence(message)} Rule: ${rule}. ${fix}`,
  }));
  if (faults.length === 1)
    throw new ChanceryError('invalid_configuration', {
      message: `${first.where}: ${first.message}`,
      rule: first.rule,
      fix: first.fix,
      errors,
    });
  const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : [];
  throw new ChanceryError('invalid_configuration', {
    message: [
      `${faults.length} faults`,
      ...told.map(({ where, message, fix }) => `  ${where}: ${sentence(message)} ${fix}`),
      ...more,
    ].join('\n'),
    rule: [...new Set(told.map(({ rule }) => rule))].join('; '),
    fix: `Correct them; ${help}.`,
    errors,
  });
}
