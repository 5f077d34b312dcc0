/** Flag > environment > file > default. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, describe, test } from 'vitest';
import { parseClientFile, readFlatYaml } from '../../src/cli/client-file.ts';
import { type Context, type ContextOptions, findContext } from '../../src/cli/context.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { temporaryFolder } from './run.ts';

const find = (options: ContextOptions, environment: Record<string, string>): Promise<Context> =>
  findContext(options, { stdout: new Writable(), stderr: new Writable(), environment, now: () => 0 });

/** Data folders `a` and `b`, and a user's configuration with the contexts `prod` (current) and `here`. */
function setting(current = 'prod'): { a: string; b: string; home: string } {
  const home = temporaryFolder();
  const [a, b] = ['a', 'b'].map((name) => {
    mkdirSync(join(home, name));
    writeFileSync(
      join(home, name, 'client.yaml'),
      `# a comment\nserver: "https://${name}.test"\nroots: roots.pem\ncertificate: admin/cert.pem\nkey: admin/key.pem\n`,
    );
    return join(home, name);
  }) as [string, string];
  mkdirSync(join(home, '.config/chancery'), { recursive: true });
  writeFileSync(
    join(home, '.config/chancery/config.yaml'),
    `${current && `current: ${current}`}\ncontexts:\n  prod: { server: "https://prod.test:8443", roots: prod.pem }\n  here: { data: ../../a }\n`,
  );
  return { a, b, home };
}

describe('which server', () => {
  test.each<[string, ContextOptions, Record<string, string>, string, string?]>([
    [
      '--data before everything',
      { data: 'A' },
      { CHANCERY_DATA: 'B', CHANCERY_SERVER: 'https://x.test', CHANCERY_CONTEXT: 'prod' },
      'https://a.test/',
    ],
    [
      '--context before the environment',
      { context: 'prod' },
      { CHANCERY_DATA: 'B' },
      'https://prod.test:8443/',
    ],
    ['CHANCERY_DATA before the file', {}, { CHANCERY_DATA: 'B' }, 'https://b.test/'],
    [
      'CHANCERY_CONTEXT before CHANCERY_DATA',
      {},
      { CHANCERY_DATA: 'B', CHANCERY_CONTEXT: 'here' },
      'https://a.test/',
    ],
    ["the file's current context before the default", {}, {}, 'https://prod.test:8443/'],
    [
      '--server with the roots of what was found',
      { server: 'https://y.test', data: 'A' },
      {},
      'https://y.test/',
      'roots.pem',
    ],
    [
      'CHANCERY_SERVER with the roots of what was found',
      {},
      { CHANCERY_SERVER: 'https://x.test', CHANCERY_DATA: 'B' },
      'https://x.test/',
      'roots.pem',
    ],
    [
      'an empty variable is none',
      {},
      { CHANCERY_DATA: '', CHANCERY_SERVER: '', CHANCERY_CONTEXT: '' },
      'https://prod.test:8443/',
    ],
  ])('%s', async (_, options, environment, server, roots = '') => {
    const { a, b, home } = setting();
    const place = <T extends object>(values: T): T =>
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, value === 'A' ? a : value === 'B' ? b : value]),
      ) as T;
    const found = await find(place(options), { HOME: home, ...place(environment) });
    expect(found.server.href).toBe(server);
    expect(found.roots ?? '').toContain(roots);
  });

  test('paths are relative to the file that names them', async () => {
    const { a, home } = setting();
    expect(await find({ data: a }, { HOME: home })).toMatchObject({
      data: a,
      roots: join(a, 'roots.pem'),
      login: { certificate: join(a, 'admin/cert.pem'), key: join(a, 'admin/key.pem') },
    });
    expect(await find({}, { HOME: home })).toMatchObject({ roots: join(home, '.config/chancery/prod.pem') });
  });

  test('another URL is not the server of the data folder', async () => {
    const { a, home } = setting();
    expect((await find({ data: a, server: 'https://x.test' }, { HOME: home })).data).toBeUndefined();
  });

  test('XDG_CONFIG_HOME moves the configuration', async () => {
    const { home } = setting();
    const found = await find({}, { HOME: '/nonexistent', XDG_CONFIG_HOME: join(home, '.config') });
    expect(found.origin).toBe('context prod');
  });

  test.each<[string, ContextOptions, RegExp]>([
    ['a context that is not there', { context: 'prd' }, /Did you mean prod\?/],
    ['--data and --context at once', { data: 'a', context: 'prod' }, /Leave one of them out/],
    ['http', { server: 'http://x.test' }, /https:\/\/host:port/],
    ['a user in the URL', { server: 'https://me:secret@x.test' }, /https:\/\/host:port/],
    ['no URL', { server: 'x.test:8443' }, /https:\/\/host:port/],
    ['a folder without client.yaml', { data: '/nonexistent' }, /chancery init --data \/nonexistent/],
  ])('%s is refused with what to do', async (_, options, fix) => {
    const { home } = setting();
    expect((await refusalOfAsync(() => find(options, { HOME: home }))).detail.fix).toMatch(fix);
  });

  test.each([
    [
      'an unknown key',
      'contexts:\n  prod: { server: "https://x.test", root: r.pem }',
      /"root", did you mean roots\?/,
    ],
    ['a context with neither server nor data', 'contexts:\n  prod: {}', /either server or data/],
    [
      'a key without certificate',
      'contexts:\n  prod: { server: "https://x.test", key: k.pem }',
      /a key without a certificate/,
    ],
    ['broken YAML', 'contexts: [', /cannot be used/],
    ['a list', '- a', /the file is not a map/],
  ])('a configuration with %s is refused by its path', async (_, text, message) => {
    const { home } = setting();
    writeFileSync(join(home, '.config/chancery/config.yaml'), text);
    const refusal = await refusalOfAsync(() => find({ context: 'prod' }, { HOME: home }));
    expect([refusal.code, refusal.message]).toEqual([
      'invalid_configuration',
      expect.stringMatching(message),
    ]);
  });
});

describe('client.yaml', () => {
  test('plain lines are read without a YAML parser, as the parser reads them', async () => {
    const { parse } = await import('yaml');
    const text =
      '# comment\nserver: "https://localhost:8443"\ntrustDomain: example.test\nroots: roots.pem\nkey: ../admin/key.pem\nconfiguration: "/etc/with space/\\"quoted\\".yaml"\n';
    expect(readFlatYaml(text)).toEqual(parse(text));
  });

  test.each([
    ['a list', 'server: [a]'],
    ['a trailing comment', 'server: a # b'],
    ['a boolean', 'server: yes'],
    ['a number', 'server: 1.5'],
    ['a nested map', 'server:\n  a: b'],
    ['an escape', 'server: "\\u0041"'],
    ['a key twice', 'server: a\nserver: b'],
    ['an anchor', 'server: &a b'],
  ])('%s goes to the parser', (_, text) => {
    expect(readFlatYaml(text)).toBeUndefined();
  });

  test('keys of a later release do no harm, a missing server does', async () => {
    expect(await parseClientFile('/d/client.yaml', 'server: https://a.test\nmoon: full\n')).toEqual({
      server: 'https://a.test',
    });
    const refusal = await refusalOfAsync(() => parseClientFile('/d/client.yaml', 'roots: r.pem\n'));
    expect(refusal.message).toBe('/d/client.yaml cannot be used: it names no server');
  });
});
