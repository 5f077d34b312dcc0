/** What the schema found, in our words: the value, the rule, the fix. */
import type { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';
import type { Plain } from './document.ts';
import { type Fault, formatPath, formatValue, type SettingPath } from './faults.ts';
import { mayHoldSecret, nodeAt, propertiesOf, type SchemaNode, schemaTree } from './schema-tree.ts';

type Issue = z.core.$ZodIssue;

/** What was held against a schema. */
export interface Subject {
  readonly tree: SchemaNode;
  /** Where every setting is explained: `See …`. */
  readonly help: string;
}

const configuration = (): Subject => ({
  tree: schemaTree(),
  help: 'See `chancery server config reference`.',
});

export function toFaults(issues: readonly Issue[], root: Plain, subject = configuration()): Fault[] {
  return issues.flatMap((issue) => faultsOf(issue, issue.path as SettingPath, root, subject));
}

function faultsOf(issue: Issue, path: SettingPath, root: Plain, subject: Subject): Fault[] {
  const node = nodeAt(path, subject.tree);
  // what stands there says it all
  if (node?.secret === true) return [noReference(path, valueAt(root, path), node)];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], node));
  if (issue.code === 'invalid_key') return [badName(path, issue, subject)];
  const value = valueAt(root, path);
  const { message, rule, fix } = ruleOf(issue, value, node, subject);
  const name = path.length === 0 ? 'the file' : formatPath(path);
  if (value === undefined) return [{ path, message: `${name} is missing`, rule, fix }];
  const shown = isAboutSecret(path, subject) || path.length === 0 ? '' : ` is ${formatValue(value)}`;
  return [{ path, message: `${name}${shown}: ${message}`, rule, fix }];
}

/** Nor is what stands inside a reference shown: somebody may have pasted the secret there. */
const isAboutSecret = (path: SettingPath, { tree }: Subject): boolean =>
  mayHoldSecret(nodeAt(path, tree)) || path.some((_, i) => nodeAt(path.slice(0, i), tree)?.secret === true);

function unknownKey(path: SettingPath, node: SchemaNode | undefined): Fault {
  const known = Object.keys(propertiesOf(node ?? {}));
  const key = String(path.at(-1));
  if (known.includes(key))
    return {
      path,
      atKey: true,
      message: `the key "${formatPath(path)}" does not go with the others there`,
      rule: 'alternatives exclude each other',
      fix: 'Leave one of them out.',
    };
  return {
    path,
    atKey: true,
    message: `unknown key "${formatPath(path)}"${didYouMean(key, known)}`,
    rule: 'unknown keys are refused',
    fix: `Known here: ${known.join(', ')}.`,
  };
}

function badName(path: SettingPath, issue: Issue & { code: 'invalid_key' }, subject: Subject): Fault {
  const [inner] = issue.issues;
  const { rule, fix } = ruleOf(inner ?? issue, path.at(-1), undefined, subject);
  return {
    path,
    atKey: true,
    message: `${formatPath(path.slice(0, -1))} has the name ${formatValue(path.at(-1))}`,
    rule,
    fix,
  };
}

/** The value is never shown: it is what must not be seen. */
function noReference(path: SettingPath, value: unknown, node: SchemaNode): Fault {
  const rule =
    'a secret never stands in the configuration: everybody who sees the file, a backup or its history has it then';
  const forms = Object.keys(propertiesOf(node)).map((key) => `{ ${key}: ${REFERENCES[key] ?? '…'} }`);
  if (typeof value !== 'object' || value === null)
    return {
      path,
      message: `${formatPath(path)} holds a literal`,
      rule,
      fix: `Write ${forms.join(' or ')}, and change the secret that stood there.`,
    };
  const [only, ...others] = forms;
  return {
    path,
    message: `${formatPath(path)} is ${others.length === 0 ? 'not' : 'neither'} ${[only, ...others].join(' nor ')}`,
    rule,
    fix: `Write ${others.length === 0 ? 'that' : 'one of the two'}, and nothing else.`,
  };
}

const REFERENCES: Readonly<Record<string, string>> = { file: 'PATH', credential: 'NAME' };

interface Words {
  readonly message: string;
  readonly rule: string;
  readonly fix: string;
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function ruleOf(issue: Issue, value: unknown, node: SchemaNode | undefined, { help }: Subject): Words {
  switch (issue.code) {
    case 'custom':
      return {
        message: issue.message,
        rule: String(issue.params?.['rule'] ?? ''),
        fix: String(issue.params?.['fix'] ?? ''),
      };
    case 'invalid_type': {
      const kind = KINDS[issue.expected] ?? issue.expected;
      const fix =
        issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')
          ? 'Put it in quotes.'
          : `Write ${kind}.`;
      return { message: `${kind} is expected`, rule: `${kind}, nothing else`, fix };
    }
    case 'invalid_value': {
      const known = issue.values.map(String);
      return {
        message: `it is none of ${known.join(', ')}${didYouMean(String(value), known)}`,
        rule: `one of ${known.join(', ')}`,
        fix: 'Choose one of these.',
      };
    }
    case 'too_small':
    case 'too_big': {
      const bound =
        issue.code === 'too_small' ? `at least ${String(issue.minimum)}` : `at most ${String(issue.maximum)}`;
      const rule = node?.type === 'array' ? `${bound} in the list` : bound;
      return {
        message: `it is too ${issue.code === 'too_small' ? 'small' : 'big'}`,
        rule,
        fix: `Write ${rule}.`,
      };
    }
    default:
      return {
        message: 'it is not as it has to be',
        rule: issue.message,
        fix: help,
      };
  }
}

export function valueAt(root: unknown, path: SettingPath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
