/** Reference pages list what the code has: all of it, nothing else, and with its own values. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { VersionView } from '../../src/api/managed.ts';
import { ROUTES } from '../../src/api/routes.ts';
import { formatDuration } from '../../src/base/clock.ts';
import { ERRORS } from '../../src/base/errors.ts';
import { KINDS } from '../../src/cli/apply/kinds.ts';
import { readManifest } from '../../src/cli/apply/manifest.ts';
import type { Wiring } from '../../src/cli/command.ts';
import { NOUNS } from '../../src/cli/nouns.ts';
import { loadConfiguration } from '../../src/config/index.ts';
import { schema } from '../../src/config/schema.ts';
import type { SchemaNode } from '../../src/config/schema-tree.ts';
import { type Layout, LAYOUT_FILES, LAYOUTS } from '../../src/delivery/files/layout.ts';
import { AUDIT_EVENTS } from '../../src/domain/audit/entry.ts';
import { LINTS } from '../../src/domain/issuance/lint/index.ts';
import { DEFAULT_PROFILES, type Profile } from '../../src/domain/issuance/profile.ts';
import { SIGHTINGS, VERSION_STATES } from '../../src/domain/renewal/version.ts';
import { fences, readPage, tableRows } from './pages.ts';

const page = (name: string): string => `docs/reference/${name}.md`;

/** First cells of a page's tables, without the backticks. */
const words = (name: string, under?: string): string[] =>
  tableRows(page(name), under).map(([word = '']) => word);

describe('docs/reference lists what the code has', () => {
  it('errors.md has every code with its title, status and exit code', () => {
    const [, ...parts] = readPage(page('errors')).split(/^### /m);
    expect(parts.map((part) => part.split('\n', 1)[0])).toEqual(Object.keys(ERRORS));
    const local = readPage(page('errors')).split('## On this host')[1] ?? '';
    for (const [code, { title, status, exit }] of Object.entries(ERRORS)) {
      const [, head] = parts.find((part) => part.startsWith(`${code}\n`))?.split('\n\n') ?? [];
      const here = local.includes(`### ${code}\n`);
      expect(head).toBe(
        here ? `${title}. Exit code ${exit}.` : `${title}. HTTP ${status}, exit code ${exit}.`,
      );
    }
  });

  it('audit-events.md has every event', () => {
    expect(words('audit-events')).toEqual([...AUDIT_EVENTS]);
  });

  it('lints.md has every lint', () => {
    expect(words('lints')).toEqual(LINTS.map(({ lint }) => lint));
  });

  it('rest.md has every route with who may call it', () => {
    const rules = {
      public: 'anybody',
      authenticated: 'logged in',
      'read-everything': '`read` on everything',
      'admin-everything': '`admin` on everything',
    };
    expect(tableRows(page('rest'), 'Routes').map(([route, , who]) => [route, who])).toEqual(
      Object.values(ROUTES).map(({ method, path, rule }) => [`${method.toUpperCase()} ${path}`, rules[rule]]),
    );
  });

  it('profiles.md has every built-in profile with its limits', () => {
    const number = ({ min, max }: { min: number; max: number }): string =>
      max === 0 ? 'none' : min === max ? `exactly ${max}` : `up to ${max}`;
    const row = ({ name, names, commonName, defaultTtl, maxTtl, login }: Profile): string[] => [
      name,
      ...[names.uri, names.dns, names.ip, names.email].map(number),
      commonName ? 'yes' : 'no',
      `${formatDuration(defaultTtl)}, ${formatDuration(maxTtl)}`,
      login ? 'yes' : 'no',
    ];
    expect(tableRows(page('profiles'))).toEqual(Object.values(DEFAULT_PROFILES).map(row));
  });

  it('cli.md has every command', async () => {
    const program = new Command();
    for (const { load } of NOUNS) (await load())(program, {} as Wiring);
    const verbs = (command: Command, above: readonly string[] = []): string[] => {
      const name = [...above, command.name()];
      const own = command.commands.length === 0 || name.join(' ') === 'server' ? [name.join(' ')] : [];
      return [...own, ...command.commands.flatMap((inner) => verbs(inner, name))];
    };
    const commands = tableRows(page('cli')).slice(0, words('cli').indexOf('--data DIR'));
    expect(commands.map(([word]) => word).sort()).toEqual(
      program.commands.flatMap((command) => verbs(command)).sort(),
    );
  });

  it('configuration.md has every setting at the top', () => {
    expect(words('configuration').filter((word) => !word.includes('_'))).toEqual(Object.keys(schema.shape));
  });

  it('the examples of configuration.md are good configurations', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chancery-docs-'));
    try {
      for (const { language, text } of fences(readPage(page('configuration')))) {
        if (language !== 'yaml') continue;
        const config = join(folder, 'chancery.yaml');
        writeFileSync(config, text);
        const loaded = await loadConfiguration({ flags: { config, data: folder }, env: {}, cwd: folder });
        if (text.includes('web:'))
          expect(loaded.profiles.get('web')?.extendedKeyUsage).toEqual(['serverAuth']);
        else expect(loaded.issuers.some(({ bounds }) => bounds?.nameConstraints !== undefined)).toBe(true);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('managed-certificates.md and targets.md', () => {
  /** `spec.targets[].files.directory`, without what only holds others. */
  const leaves = (node: SchemaNode, path: string): string[] => {
    const inner = [
      ...Object.entries(node.properties ?? {}).map(([name, one]) => [one, `${path}.${name}`] as const),
      ...(node.items === undefined ? [] : [[node.items, `${path}[]`] as const]),
      ...(node.anyOf ?? []).map((one) => [one, path] as const),
    ].flatMap(([one, at]) => leaves(one, at));
    return inner.length === 0 ? [path.replace(/\[\]$/, '')] : inner;
  };

  it.each(KINDS.map(({ name, tree }) => [name, tree] as const))('every key of a %s', (name, tree) => {
    const spec = tree.properties?.['spec'] ?? {};
    const shown = words('managed-certificates', name);
    const has = new Set(leaves(spec, '').map((path) => path.slice(1)));
    for (const key of has) expect(shown).toContain(key);
    // a key that holds others may stand there as well
    for (const key of shown)
      expect(
        [...has].some((one) => one === key || one.startsWith(`${key}.`) || one.startsWith(`${key}[]`)),
      ).toBe(true);
  });

  it('every state, sighting and alarm', () => {
    expect(words('managed-certificates', 'States of a version')).toEqual([...VERSION_STATES]);
    expect(words('managed-certificates', 'What probes say')).toEqual([...SIGHTINGS]);
    expect(words('managed-certificates', 'Alarms')).toEqual(VersionView.shape.alarm.unwrap().options);
  });

  it('every layout with its files', () => {
    const shown = tableRows(page('targets'), 'Layouts').map(([layout, files]) => [layout, files]);
    const named = (layout: Layout): string => LAYOUT_FILES[layout].map((file) => `\`${file}\``).join(', ');
    expect(shown).toEqual(LAYOUTS.map((layout) => [layout, named(layout)]));
  });

  it('the examples are good documents', async () => {
    for (const { language, text } of fences(readPage(page('managed-certificates'))))
      if (language === 'yaml')
        expect(await readManifest([{ name: 'page', folder: '/srv', text }])).toHaveLength(1);
  });
});
