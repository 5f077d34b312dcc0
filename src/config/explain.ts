/** Where each setting came from, one line for one value. */
import type { Setting } from './configuration.ts';
import { formatPath, type SettingPath } from './faults.ts';

export type Origin = Pick<Setting, 'source' | 'origin'>;

/** `plain` is the configuration in the words of the file. Lists of values are one setting, lists of maps one for each map. */
export function explainSettings(plain: unknown, originOf: (path: SettingPath) => Origin): Setting[] {
  return leaves(plain, []).map(({ path, value }) => ({
    setting: formatPath(path),
    value,
    ...originOf(path),
  }));
}

interface Leaf {
  readonly path: SettingPath;
  readonly value: unknown;
}

function leaves(value: unknown, path: SettingPath): Leaf[] {
  if (Array.isArray(value)) {
    const maps = value.length > 0 && value.every((item) => typeof item === 'object');
    return maps ? value.map((item: unknown, i) => ({ path: [...path, i], value: item })) : [{ path, value }];
  }
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [{ path, value }];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [{ path, value }]
    : entries.flatMap(([name, inner]) => leaves(inner, [...path, name]));
}
