/** The schema as a tree that can be walked: for the environment's twins, for "did you mean", for the reference. */
import { z } from 'zod';
import type { SettingPath } from './faults.ts';
import { schema } from './schema.ts';

/** The part of JSON Schema that our schema makes use of. */
export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  /** A reference to a secret. */
  readonly secret?: true;
}

let tree: SchemaNode | undefined;

export const schemaTree = (): SchemaNode => (tree ??= z.toJSONSchema(schema, { io: 'input' }) as SchemaNode);

/** Settings by name; those of every alternative together. */
export const propertiesOf = (node: SchemaNode): Readonly<Record<string, SchemaNode>> =>
  node.properties ??
  Object.fromEntries((node.anyOf ?? []).flatMap((one) => Object.entries(propertiesOf(one))));

/** The node that describes what stands at the path. */
export function nodeAt(path: SettingPath, root: SchemaNode = schemaTree()): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const part of path) {
    if (node === undefined) return undefined;
    const properties = propertiesOf(node);
    if (typeof part === 'number') node = node.items;
    else if (Object.hasOwn(properties, part)) node = properties[part];
    else node = node.additionalProperties === false ? undefined : node.additionalProperties;
  }
  return node;
}

/** Whether a value at this node could hold a secret that somebody wrote there by mistake. */
export const mayHoldSecret = (node: SchemaNode | undefined): boolean =>
  node !== undefined && (node.secret === true || Object.values(propertiesOf(node)).some(mayHoldSecret));

export interface ScalarSetting {
  readonly path: readonly string[];
  readonly node: SchemaNode;
  /** `CHANCERY_LISTEN_HTTPS` */
  readonly variable: string;
}

/** Every setting that is one value at a fixed place. */
export function scalarSettings(
  node: SchemaNode = schemaTree(),
  path: readonly string[] = [],
): ScalarSetting[] {
  const properties = Object.entries(propertiesOf(node));
  if (properties.length > 0)
    return properties.flatMap(([name, inner]) => scalarSettings(inner, [...path, name]));
  return node.type === 'object' || node.type === 'array' ? [] : [{ path, node, variable: variableOf(path) }];
}

/** `externalUrl.https` → CHANCERY_EXTERNAL_URL_HTTPS */
const variableOf = (path: readonly string[]): string =>
  ['chancery', ...path]
    .map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`))
    .join('_')
    .toUpperCase();
