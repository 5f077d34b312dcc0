/** The commented reference of the configuration, out of the schema: as it stands, it is the embedded default. */
import { propertiesOf, scalarSettings, schemaTree, type SchemaNode } from './schema-tree.ts';

const HEADER = `# Chancery: every setting of the configuration file with its default. What has none is commented out.
# Generated from the schema (\`chancery server config reference\`); a change here is lost.
#
# A flag wins over the environment, the environment over this file, this file over the defaults; \`chancery server
# config explain\` tells where each value came from. Unknown keys are refused. Relative paths start at the folder of
# the file. A secret never stands here: { file: PATH } or { credential: NAME } (systemd) says where it is.
# Durations are written as 90d, 12h, 1h30m, 45s.`;

const WIDTH = 110;

export function renderReference(): string {
  const sections = Object.entries(propertiesOf(schemaTree())).map(([name, node]) =>
    section([name], node, 0).join('\n'),
  );
  return `${[HEADER, ...sections].join('\n\n')}\n`;
}

function section(path: readonly string[], node: SchemaNode, depth: number): string[] {
  const name = path.at(-1) ?? '';
  const pad = '  '.repeat(depth);
  const head = comment(describe(node), pad);
  if (node.properties !== undefined) {
    const inner = Object.entries(node.properties).map(([key, child]) =>
      section([...path, key], child, depth + 1),
    );
    return [...head, `${pad}${name}:`, ...inner.flat()];
  }
  return [...head, ...twins(path, pad), ...fields(node, pad), ...value(name, node, pad)];
}

/** The setting with its default, else as a commented example. */
function value(name: string, node: SchemaNode, pad: string): string[] {
  if (node.default !== undefined && !isEmpty(node.default)) return block(name, node.default, pad);
  const examples = node.examples ?? [];
  const commented = examples.flatMap((example) => block(name, example, '').map((line) => `${pad}# ${line}`));
  // an empty list or map is a default worth showing, but nobody can write below it
  return commented.length > 0 ? commented : [`${pad}# ${name}:`];
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** A map or a list of maps goes over several lines, everything else on one. */
function block(name: string, value: unknown, pad: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'object'))
    return [`${pad}${name}:`, ...value.map((item) => `${pad}  - ${flow(item)}`)];
  const entries =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.some(([, inner]) => typeof inner === 'object'))
    return [`${pad}${name}:`, ...entries.map(([key, inner]) => `${pad}  ${key}: ${flow(inner)}`)];
  return [`${pad}${name}: ${flow(value)}`];
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (isEmpty(value)) return '{}';
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${key}: ${flow(inner)}`)
      .join(', ')} }`;
  return typeof value === 'string' && !isPlainText(value) ? JSON.stringify(value) : String(value);
}

/** What YAML could take for something else than this text stands in quotes. */
const isPlainText = (text: string): boolean =>
  /^[A-Za-z0-9/][\w./:-]*(?: [\w.-]+)*$/.test(text) &&
  !/^(?:[\d.]+(?:e\d+)?|0[xo].*|true|false|null|.*:)$/i.test(text);

const describe = (node: SchemaNode): string =>
  [node.description ?? '', node.enum === undefined ? '' : `One of ${node.enum.join(', ')}.`]
    .filter(Boolean)
    .join(' ');

/** The variables that stand for the setting, or for the parts of a reference to a secret. */
function twins(path: readonly string[], pad: string): string[] {
  const variables = scalarSettings()
    .filter(({ path: own }) => path.every((part, i) => own[i] === part))
    .map(({ variable }) => variable);
  return variables.length === 0 ? [] : comment(`Environment: ${variables.join(', ')}`, pad);
}

/** What stands in each entry of a list or map. */
function fields(node: SchemaNode, pad: string): string[] {
  const entry = node.items ?? (node.additionalProperties === false ? undefined : node.additionalProperties);
  const lines = entry === undefined ? [] : describeFields(entry, '');
  return lines.flatMap((line) => comment(line, pad, '  '));
}

function describeFields(node: SchemaNode, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const name = `${prefix}${key}`;
    if (child.properties !== undefined && child.examples === undefined && child.default !== undefined)
      return describeFields(child, `${name}.`);
    const fallback = child.default === undefined ? '' : ` Default ${flow(child.default)}.`;
    const example = child.examples?.[0] === undefined ? '' : ` Example: ${flow(child.examples[0])}.`;
    const optional = node.required?.includes(key) === true ? ' (required)' : '';
    const items = child.items?.enum === undefined ? '' : ` Of ${child.items.enum.join(', ')}.`;
    return [`${name}${optional}: ${describe(child)}${items}${fallback}${example}`];
  });
}

function comment(text: string, pad: string, indent = ''): string[] {
  if (text === '') return [];
  const lines: string[] = [];
  let line = `${pad}# ${indent}`;
  for (const word of text.split(' ')) {
    if (line.length + word.length > WIDTH && line.trim() !== '#') {
      lines.push(line.trimEnd());
      line = `${pad}# ${indent}${indent}`;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}
