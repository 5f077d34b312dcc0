/** YAML as the API takes it: held against the schema with every fault at its line, paths absolute, roots read. */
import { resolve } from 'node:path';
import type { ApplyDocument } from '../../api/apply.ts';
import { didYouMean } from '../../config/did-you-mean.ts';
import { type PlainMap, readDocuments, type SourceDocument } from '../../config/document.ts';
import { type Fault, formatPath, formatValue, refuseFaults, type SettingPath } from '../../config/faults.ts';
import { toFaults, valueAt } from '../../config/issues.ts';
import { isChanceryError } from '../../base/errors.ts';
import { readTextFile } from '../files.ts';
import { KINDS, matches, ROOTS } from './kinds.ts';
import type { Source } from './sources.ts';
import { settleUnions } from './unions.ts';

const HELP = 'docs/reference/managed-certificates.md has every key';

/** A document with its place: `wishes.yaml:12:1`. */
interface Read {
  readonly document: ApplyDocument;
  readonly place: string;
}

/** Throws `invalid_configuration` with every fault of every file. */
export async function readManifest(sources: readonly Source[]): Promise<ApplyDocument[]> {
  const faults: Fault[] = [];
  const found: Read[] = [];
  for (const source of sources)
    for (const document of readDocuments(source.text, source.name)) {
      const refuse = (all: readonly Fault[]): void =>
        void faults.push(...all.map((fault) => ({ ...fault, where: whereOf(fault, document, source) })));
      const read = await readOne(document, source, refuse);
      if (read === undefined) continue;
      const place = document.place(['name']) ?? source.name;
      const twin = found.find((other) => key(other.document) === key(read));
      if (twin === undefined) found.push({ document: read, place });
      else refuse([twice(read, twin.place)]);
    }
  refuseFaults(faults, ({ where = '' }) => where, HELP);
  return found.map(({ document }) => document);
}

const key = ({ kind, name }: ApplyDocument): string => `${kind} ${name}`;

const twice = ({ kind, name }: ApplyDocument, first: string): Fault => ({
  path: ['name'],
  message: `the ${kind} ${name} stands there twice, first at ${first}`,
  rule: 'a name stands once in all files',
  fix: 'Remove or rename one.',
});

/** The place of a fault, or of what it lies in. */
function whereOf({ where, path, atKey }: Fault, document: SourceDocument, { name }: Source): string {
  if (where !== undefined) return where;
  for (let length = path.length; length > 0; length--) {
    const place = document.place(path.slice(0, length), atKey === true && length === path.length);
    if (place !== undefined) return place;
  }
  return document.place(['kind'], true) ?? `${name}:1:1`;
}

async function readOne(
  { value, faults }: SourceDocument,
  { folder }: Source,
  refuse: (faults: readonly Fault[]) => void,
): Promise<ApplyDocument | undefined> {
  refuse(faults);
  if (faults.length > 0) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse([
      {
        path: [],
        message: 'the document is no map',
        rule: 'a document has apiVersion, kind, name and spec',
        fix: `See ${HELP}.`,
      },
    ]);
    return undefined;
  }
  const kind = KINDS.find(({ name }) => name === value['kind']);
  if (kind === undefined) {
    refuse([unknownKind(value)]);
    return undefined;
  }
  for (const pattern of kind.paths)
    for (const path of matches(value, pattern)) change(value, path, (text) => resolve(folder, text));
  refuse(await readRoots(value, folder));
  const parsed = kind.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  refuse(toFaults(settleUnions(parsed.error.issues), value, { tree: kind.tree, help: `See ${HELP}.` }));
  return undefined;
}

function unknownKind(value: PlainMap): Fault {
  const said = value['kind'];
  const names = KINDS.map(({ name }) => name);
  const hint = typeof said === 'string' ? didYouMean(said, names) : '';
  return {
    path: ['kind'],
    message: said === undefined ? 'kind is missing' : `kind is ${formatValue(said)}${hint}`,
    rule: `a document is of the kind ${names.join(' or ')}`,
    fix: 'Write one of these.',
  };
}

function change(root: PlainMap, path: SettingPath, how: (text: string) => string): void {
  const text = valueAt(root, path);
  const holder = valueAt(root, path.slice(0, -1)) as Record<string | number, unknown>;
  // what is no text the schema refuses; an empty one would become the folder itself
  if (typeof text === 'string' && text !== '') holder[path.at(-1) ?? ''] = how(text);
}

/** `roots: ca.pem` becomes what the file holds. */
async function readRoots(value: PlainMap, folder: string): Promise<Fault[]> {
  const said = valueAt(value, ROOTS);
  if (typeof said !== 'string' || said.includes('-----BEGIN ')) return [];
  try {
    const pem = await readTextFile(resolve(folder, said));
    if (!pem.includes('-----BEGIN CERTIFICATE-----') || pem.includes('PRIVATE KEY-----'))
      return [
        noRoots(`${said} holds ${pem.includes('PRIVATE KEY-----') ? 'a private key' : 'no certificate'}`),
      ];
    change(value, ROOTS, () => pem);
    return [];
  } catch (error) {
    return [noRoots(isChanceryError(error) ? error.message : `cannot read ${said}`)];
  }
}

const noRoots = (message: string): Fault => ({
  path: ROOTS,
  message: `${formatPath(ROOTS)}: ${message}`,
  rule: 'a PEM file with certificates and nothing else, relative to this file',
  fix: 'Name the roots that the HTTPS of the CA leads to.',
});
