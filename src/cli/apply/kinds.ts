/** The kinds of documents, and where in them paths and secrets stand. */
import { z } from 'zod';
import { ApplyDocument } from '../../api/apply.ts';
import type { SettingPath } from '../../config/faults.ts';
import { nodeAt, type SchemaNode } from '../../config/schema-tree.ts';

export interface Kind {
  readonly name: ApplyDocument['kind'];
  readonly schema: (typeof ApplyDocument)['options'][number];
  readonly tree: SchemaNode;
  /** Places of paths; `*` is every entry of a list. */
  readonly paths: readonly SettingPath[];
}

/** `spec.targets.*.files.directory` → its parts. */
const parts = (text: string): SettingPath => text.split('.');

const PATHS: Readonly<Record<ApplyDocument['kind'], readonly string[]>> = {
  ManagedCertificate: [
    'spec.targets.*.files.directory',
    'spec.targets.*.files.password.file',
    'spec.targets.*.files.reload.pidFile',
    'spec.probes.*.mtls.certificate',
    'spec.probes.*.mtls.key',
  ],
  PublicAuthority: [
    'spec.eab.hmacKey.file',
    'spec.solvers.*.http01.webroot',
    'spec.solvers.*.dns01.rfc2136.key.secret.file',
  ],
};

/** A PEM file; what it holds is sent. */
export const ROOTS: SettingPath = ['spec', 'roots'];

/** Left alone of these a literal would be sent, and shown in messages. */
const SECRETS: Readonly<Record<ApplyDocument['kind'], readonly string[]>> = {
  ManagedCertificate: ['spec.targets.*.files.password'],
  PublicAuthority: ['spec.eab.hmacKey', 'spec.solvers.*.dns01.rfc2136.key.secret'],
};

function kindOf(schema: Kind['schema']): Kind {
  const name = schema.shape.kind.value;
  const tree = z.toJSONSchema(schema, { io: 'input' }) as SchemaNode;
  for (const secret of SECRETS[name]) {
    const node = nodeAt(
      parts(secret).map((part) => (part === '*' ? 0 : part)),
      tree,
    );
    Object.assign(node ?? {}, { secret: true });
  }
  return { name, schema, tree, paths: PATHS[name].map(parts) };
}

export const KINDS: readonly Kind[] = ApplyDocument.options.map(kindOf);

/** Places in `value` that a path with `*` stands for. */
export function* matches(
  value: unknown,
  path: SettingPath,
  before: SettingPath = [],
): Generator<SettingPath> {
  const [part, ...rest] = path;
  if (part === undefined) yield before;
  else if (typeof value !== 'object' || value === null) return;
  else if (part === '*')
    for (const [i, entry] of (Array.isArray(value) ? value : []).entries())
      yield* matches(entry, rest, [...before, i]);
  else if (Object.hasOwn(value, part))
    yield* matches((value as Record<string, unknown>)[part], rest, [...before, part]);
}
