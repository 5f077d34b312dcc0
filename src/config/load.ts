/**
 * Loads the configuration: flag before environment before file before default. The only place that reads settings from
 * files and the environment; the environment comes in as an argument.
 */
import { dirname } from 'node:path';
import type { Configuration, Setting } from './configuration.ts';
import { type DataFolder, type Environment, resolveDataFolder } from './data-folder.ts';
import { emptyMap, type Plain, type PlainMap, readDocument, type SourceDocument } from './document.ts';
import { explainSettings, type Origin } from './explain.ts';
import { type Fault, refuseFaults, type SettingPath } from './faults.ts';
import { type ConfigurationPath, findFile, readText } from './files.ts';
import { deepFreeze } from './freeze.ts';
import { toFaults } from './issues.ts';
import { type Flags, type Overlay, overlaysOf } from './overlay.ts';
import { type Context, resolve } from './resolve.ts';
import { schema } from './schema.ts';
import { nodeAt } from './schema-tree.ts';

export interface ConfigurationSources {
  readonly flags?: Flags | undefined;
  readonly env: Environment;
  /** What relative paths of flags and environment start from. */
  readonly cwd: string;
}

const NO_DOCUMENT: SourceDocument = { value: null, place: () => undefined, faults: [] };

/** Throws `invalid_configuration` with every fault that was found. */
export function loadConfiguration({ flags = {}, env, cwd }: ConfigurationSources): Configuration {
  const data = resolveDataFolder(flags.data, env, cwd);
  const file = findFile(flags.config, env, cwd, data.path);
  const document = file === undefined ? NO_DOCUMENT : readDocument(readText(file.path), file.path);
  const { overlays, faults: overlayFaults } = overlaysOf(flags, env);
  const origins = new Origins(document, overlays, file?.path);
  const refuse = (faults: readonly Fault[]): void => {
    refuseFaults(faults, (fault) => origins.where(fault));
  };
  refuse([...document.faults, ...overlayFaults]);

  const root = layOn(rootOf(document.value, refuse), overlays);
  const parsed = schema.safeParse(root);
  if (!parsed.success) refuse(toFaults(parsed.error.issues, root));

  const context: Context = {
    data: data.path,
    folderOf: (path) =>
      file === undefined || origins.overlay(path) !== undefined ? cwd : dirname(file.path),
    isDefault: (path) => origins.of(path).source === 'default',
    credentials: env['CREDENTIALS_DIRECTORY'] || undefined,
  };
  const { values, faults } = resolve(parsed.data ?? schema.parse({}), context);
  refuse(faults);
  const settings = [
    ...placeSettings(file, data),
    ...explainSettings(values.plain, (path) => origins.of(path)),
  ];
  return deepFreeze({ ...values, file: file?.path, data: data.path, settings });
}

/** The map at the top; sections without content count as left out. */
function rootOf(value: Plain, refuse: (faults: readonly Fault[]) => void): PlainMap {
  if (value === null) return emptyMap();
  if (typeof value !== 'object' || Array.isArray(value))
    refuse([
      {
        path: [],
        message: 'the file is no map of settings',
        rule: 'settings are written as "name: value"',
        fix: 'See `chancery server config reference`.',
      },
    ]);
  dropEmptySections(value as PlainMap, []);
  return value as PlainMap;
}

function dropEmptySections(map: PlainMap, path: SettingPath): void {
  for (const [name, value] of Object.entries(map)) {
    const inner = [...path, name];
    const node = nodeAt(inner);
    const isSection = node?.type === 'object' || node?.type === 'array' || node?.anyOf !== undefined;
    if (value === null && isSection) delete map[name];
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      dropEmptySections(value, inner);
  }
}

function layOn(root: PlainMap, overlays: readonly Overlay[]): PlainMap {
  for (const { path, value } of overlays) {
    let map = root;
    for (const part of path.slice(0, -1)) {
      const inner = (map[part] ??= emptyMap());
      // the file has something else there: the schema will say so
      map = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : emptyMap();
    }
    map[path.at(-1) ?? ''] = value;
  }
  return root;
}

/** Who said what. */
class Origins {
  readonly #document: SourceDocument;
  readonly #overlays: readonly Overlay[];
  readonly #file: string | undefined;

  constructor(document: SourceDocument, overlays: readonly Overlay[], file: string | undefined) {
    this.#document = document;
    this.#overlays = overlays;
    this.#file = file;
  }

  /** The last that was laid on at the path or above it. */
  overlay(path: SettingPath): Overlay | undefined {
    return this.#overlays.findLast((overlay) => overlay.path.every((part, i) => path[i] === part));
  }

  of(path: SettingPath): Origin {
    const overlay = this.overlay(path);
    if (overlay !== undefined) return { source: overlay.source, origin: overlay.origin };
    const place = this.#document.place(path);
    if (place !== undefined) return { source: 'file', origin: place };
    if (path[0] === 'externalUrl') return { source: 'derived', origin: `listen.${String(path[1])}` };
    return { source: 'default', origin: undefined };
  }

  /** The place of a fault, or of what it lies in. */
  where({ where, path, atKey }: Fault): string {
    const overlay = this.overlay(path);
    if (where !== undefined || overlay !== undefined) return where ?? overlay?.origin ?? '';
    for (let length = path.length; length > 0; length--) {
      const place = this.#document.place(path.slice(0, length), atKey === true && length === path.length);
      if (place !== undefined) return place;
    }
    return this.#file === undefined ? 'embedded default' : `${this.#file}:1:1`;
  }
}

function placeSettings(file: ConfigurationPath | undefined, data: DataFolder): Setting[] {
  const names = { flag: '--data', environment: 'CHANCERY_DATA', default: undefined } as const;
  return [
    { setting: 'config', value: file?.path ?? null, source: file?.source ?? 'default', origin: file?.origin },
    { setting: 'data', value: data.path, source: data.source, origin: names[data.source] },
  ];
}
