import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { renderReference, toPlain } from '../../src/config/index.ts';
import {
  nodeAt,
  scalarSettings,
  schemaTree,
  propertiesOf,
  type SchemaNode,
} from '../../src/config/schema-tree.ts';
import { load } from './workbench.ts';

describe('the commented reference', () => {
  test('is, as it stands, the embedded default', async () => {
    expect(toPlain(await load(await renderReference()))).toEqual(toPlain(await load(undefined)));
  });

  test('in docs/reference is the one that the schema gives', async () => {
    expect(readFileSync(new URL('../../docs/reference/configuration.yaml', import.meta.url), 'utf8')).toBe(
      await renderReference(),
    );
  });

  test('tells every setting and every variable', async () => {
    const text = await renderReference();
    for (const { path, variable } of scalarSettings()) {
      expect(text).toContain(variable);
      expect(text).toMatch(new RegExp(`\\b${String(path.at(-1))}:`));
    }
  });

  test('has lines that fit a screen, but for examples that YAML wants on one', async () => {
    const long = (await renderReference())
      .split('\n')
      .filter((line) => line.length > 115 && !line.includes('{'));
    expect(long).toEqual([]);
  });
});

describe('the schema', () => {
  test('describes every setting', () => {
    const silent = nodesOf(schemaTree(), []).filter(
      ({ path, node }) => node.description === undefined && !path.includes('names') && path.length > 0,
    );
    expect(silent.map(({ path }) => path.join('.'))).toEqual([]);
  });

  test('has a default or an example for every single value', () => {
    const bare = scalarSettings().filter(
      ({ path, node }) =>
        node.default === undefined &&
        node.examples === undefined &&
        nodeAt(path.slice(0, -1))?.secret !== true,
    );
    expect(bare.map(({ path }) => path.join('.'))).toEqual([]);
  });

  test('has examples that it accepts, all at once', async () => {
    const examples: Record<string, unknown> = {};
    for (const { path, node } of nodesOf(schemaTree(), []))
      // of alternatives, the example of the whole stands for one
      if (node.examples !== undefined && !path.includes('*') && !isAlternative(path))
        setAt(examples, path, node.examples[0]);
    const config = await load(JSON.stringify(examples));
    expect(config.profiles.has('web')).toBe(true);
    expect(config.grants).toHaveLength(1);
    expect(config.externalUrl.https.url).toBe('https://ca.example.test:8443');
  });

  test('names its variables by the path', () => {
    const variables = new Map(scalarSettings().map(({ path, variable }) => [path.join('.'), variable]));
    expect(variables.get('trustDomain')).toBe('CHANCERY_TRUST_DOMAIN');
    expect(variables.get('externalUrl.https')).toBe('CHANCERY_EXTERNAL_URL_HTTPS');
    expect(variables.get('acme.validation.httpPort')).toBe('CHANCERY_ACME_VALIDATION_HTTP_PORT');
    expect(new Set(variables.values()).size).toBe(variables.size);
  });
});

interface Found {
  readonly path: readonly string[];
  readonly node: SchemaNode;
}

/** Every node that has a name; entries of maps and lists are called `*`. */
function nodesOf(node: SchemaNode, path: readonly string[]): Found[] {
  const inner = Object.entries(propertiesOf(node)).flatMap(([name, child]) => [
    { path: [...path, name], node: child },
    ...nodesOf(child, [...path, name]),
  ]);
  const entry = node.items ?? (node.additionalProperties === false ? undefined : node.additionalProperties);
  return [...inner, ...(entry === undefined ? [] : nodesOf(entry, [...path, '*']))];
}

const isAlternative = (path: readonly string[]): boolean =>
  path.some((_, i) => i > 0 && nodeAt(path.slice(0, i))?.anyOf !== undefined);

function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let map = root;
  for (const part of path.slice(0, -1)) map = (map[part] ??= {}) as Record<string, unknown>;
  map[path.at(-1) ?? ''] = value;
}

test('the reference is YAML without surprises', async () => {
  expect(Object.keys(parse(await renderReference()) as object)).toContain('trustDomain');
});
