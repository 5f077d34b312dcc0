/**
 * A YAML file as plain values that remember their place. What YAML offers beyond maps, lists and scalars is refused or
 * bounded: keys stand once, none is `__proto__`, aliases cannot multiply without end.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  parseDocument,
} from 'yaml';
import type { Fault, SettingPath } from './faults.ts';

export type Plain = string | number | boolean | null | Plain[] | PlainMap;
/** Without a prototype: no key can reach one. */
export interface PlainMap {
  [key: string]: Plain;
}

export interface SourceDocument {
  readonly value: Plain;
  /** `chancery.yaml:3:7`; `undefined` where the file says nothing. */
  place(path: SettingPath, atKey?: boolean): string | undefined;
  readonly faults: readonly Fault[];
}

export const emptyMap = (): PlainMap => Object.create(null) as PlainMap;

/** Far beyond any configuration, far below what would hurt. */
const MAX_VALUES = 20_000;
const MAX_DEPTH = 20;
const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype'];

const YAML = 'YAML 1.2, core schema';

/** duplicate keys are found below: the library's own search takes 44 s for a file of 60,000 keys */
const OPTIONS = {
  prettyErrors: false,
  stringKeys: true,
  uniqueKeys: false,
  merge: false,
  schema: 'core',
  // 'silent' would also pass over a second document
  logLevel: 'error',
} as const;

type PlaceOf = (offset: number) => string;

export function readDocument(text: string, file: string): SourceDocument {
  const lineCounter = new LineCounter();
  try {
    return toSource(parseDocument(text, { ...OPTIONS, lineCounter }), placesOf(lineCounter, file));
  } catch {
    return tooDeep(file);
  }
}

/** The documents of a stream, `---` between them; those without content are left out. */
export function readDocuments(text: string, file: string): SourceDocument[] {
  const lineCounter = new LineCounter();
  try {
    const at = placesOf(lineCounter, file);
    return [...parseAllDocuments(text, { ...OPTIONS, lineCounter })]
      .filter(({ contents, errors }) => contents !== null || errors.length > 0)
      .map((document) => toSource(document as Document.Parsed, at));
  } catch {
    return [tooDeep(file)];
  }
}

function placesOf(lines: LineCounter, file: string): PlaceOf {
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
}

const tooDeep = (file: string): SourceDocument => ({
  value: null,
  place: () => undefined,
  faults: [syntax(`${file}:1:1`, 'the YAML is nested too deeply')],
});

function toSource(document: Document.Parsed, at: PlaceOf): SourceDocument {
  const [broken] = [...document.errors, ...document.warnings];
  // the first one only: the others are mostly its echo
  if (broken !== undefined)
    return { value: null, place: () => undefined, faults: [syntax(at(broken.pos[0]), explain(broken.code))] };
  const reader = new Reader(document, at);
  const value = document.contents === null ? emptyMap() : reader.read(document.contents, []);
  return { value, place: (path, atKey) => reader.place(path, atKey), faults: reader.faults };
}

const syntax = (where: string, message: string): Fault => ({
  path: [],
  where,
  message,
  rule: YAML,
  fix: 'Correct the line.',
});

/** Own words: those of the library can quote the line, and with it a secret. */
const REASONS: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE: 'an escape sequence in double quotes is none',
  BAD_INDENT: 'the indentation does not fit, or a bracket is not closed',
  BAD_SCALAR_START: 'a value starts with a character that needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second key stands on the line: a value with ": " in it needs quotes',
  KEY_OVER_1024_CHARS: 'a key is over 1024 characters long',
  MISSING_CHAR: 'a colon, comma, quote or bracket is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines: is a colon missing?',
  MULTIPLE_DOCS: 'the file has several documents (---)',
  NON_STRING_KEY: 'a key is no text',
  TAB_AS_INDENT: 'a tab is used as indentation',
  TAG_RESOLVE_FAILED: 'a tag (!…) is not known',
  UNEXPECTED_TOKEN: 'something stands where nothing can stand: are quotes missing?',
};
const explain = (code: string): string => REASONS[code] ?? `the YAML cannot be read (${code})`;

class Reader {
  readonly faults: Fault[] = [];
  readonly #document: Document.Parsed;
  readonly #at: PlaceOf;
  readonly #places = new Map<string, { readonly key: number; readonly value: number }>();
  #values = 0;
  #exhausted = false;

  constructor(document: Document.Parsed, at: PlaceOf) {
    this.#document = document;
    this.#at = at;
  }

  place(path: SettingPath, atKey = false): string | undefined {
    const found = this.#places.get(JSON.stringify(path));
    return found && this.#at(atKey ? found.key : found.value);
  }

  read(node: Node | null, path: SettingPath): Plain {
    if (this.#exhausted || node === null) return null;
    if (++this.#values > MAX_VALUES || path.length > MAX_DEPTH) {
      this.#exhausted = true;
      this.#refuse(
        node,
        `the file has over ${MAX_VALUES} values or is over ${MAX_DEPTH} levels deep, aliases counted as often as they stand`,
        'a configuration is small',
        'Write it without such aliases.',
      );
      return null;
    }
    if (isAlias(node)) return this.#readAlias(node, path);
    if (isMap(node)) return this.#readMap(node.items as Pair<Node, Node | null>[], path);
    if (isSeq(node)) return node.items.map((item, i) => this.#readItem(item as Node, [...path, i]));
    const value: unknown = isScalar(node) ? node.value : null;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? value
      : null;
  }

  #readAlias(node: Node & { source?: string }, path: SettingPath): Plain {
    const target = isAlias(node) ? node.resolve(this.#document) : undefined;
    if (target !== undefined) return this.read(target, path);
    this.#refuse(
      node,
      'an alias (*…) has no anchor before it',
      YAML,
      'Quote the value, or write the anchor (&…) first.',
    );
    return null;
  }

  #readItem(item: Node, path: SettingPath): Plain {
    const offset = startOf(item);
    this.#places.set(JSON.stringify(path), { key: offset, value: offset });
    return this.read(item, path);
  }

  #readMap(items: readonly Pair<Node, Node | null>[], path: SettingPath): PlainMap {
    const map = emptyMap();
    for (const { key, value } of items) {
      const name = isScalar(key) ? String(key.value) : undefined;
      if (name === undefined) {
        this.#refuse(key, 'a key is no text', YAML, 'Write the key as text.');
      } else if (FORBIDDEN_KEYS.includes(name)) {
        this.#refuse(
          key,
          `the key ${JSON.stringify(name)} is refused`,
          'no key reaches into the program',
          'Choose another name.',
        );
      } else if (name in map) {
        this.#refuse(
          key,
          `the key ${JSON.stringify(name)} stands there twice`,
          'a key stands once in its map',
          'Remove one.',
        );
      } else {
        const inner = [...path, name];
        this.#places.set(JSON.stringify(inner), { key: startOf(key), value: startOf(value ?? key) });
        map[name] = this.read(value, inner);
      }
    }
    return map;
  }

  #refuse(node: Node, message: string, rule: string, fix: string): void {
    this.faults.push({ path: [], where: this.#at(startOf(node)), message, rule, fix });
  }
}

const startOf = (node: Node): number => node.range?.[0] ?? 0;
