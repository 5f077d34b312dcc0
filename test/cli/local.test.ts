import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LocalPrograms, ProgramOptions } from '../../src/cli/session.ts';
import { chancery, temporaryFolder } from './run.ts';

/** Programs that note what they were started with. */
function programs(): LocalPrograms & { readonly started: [string, ProgramOptions][] } {
  const started: [string, ProgramOptions][] = [];
  return {
    started,
    initialize: async (options) => {
      started.push(['init', options]);
      options.say('made an authority');
      return { data: '/d', made: ['root internal'] };
    },
    runServer: async (options) => {
      started.push(['server', options]);
      return 0;
    },
    examine: async () => [],
    backUp: async () => ({ file: '', size: 0, sha256: '', created: '' }),
    restore: async () => ({ data: '', created: '', trustDomain: '', missing: [] }),
    unsealCopy: async () => ({ file: '', schema: 0, created: '' }),
    recoverAdmin: async () => ({ certificate: '', key: '', serial: '', notAfter: '' }),
    acceptClock: async () => ({ before: '', now: '' }),
    acceptJournal: async () => ({ reason: '' }),
    renewIssuer: async () => ({ generation: '', root: '' }),
    runDevelopment: async (options) => {
      started.push(['dev', options]);
      return 2;
    },
  };
}

test.each([
  ['init', 0],
  ['server', 0],
  ['dev', 2],
])('%s hands its flags on and returns the exit code', async (verb, code) => {
  const local = programs();
  const line = [verb, '--data', 'D', '--config', 'F', '--passphrase-file', 'P'];
  const more = ['--set', 'log.level=debug', '--set', 'trustDomain=a=b'];
  const { exit } = await chancery([...line, ...more], { programs: local, environment: { CHANCERY_X: 'y' } });
  expect(exit).toBe(code);
  expect(local.started).toEqual([
    [
      verb,
      {
        data: 'D',
        config: 'F',
        passphraseFile: 'P',
        settings: { 'log.level': 'debug', trustDomain: 'a=b' },
        env: expect.objectContaining({ CHANCERY_X: 'y' }) as unknown,
        cwd: process.cwd(),
        say: expect.any(Function) as unknown,
      },
    ],
  ]);
});

test('init says what it made; with -o json the resource is all that stdout has', async () => {
  expect(await chancery(['init'], { programs: programs() })).toMatchObject({ stdout: 'made an authority\n' });
  const { stdout, stderr } = await chancery(['init', '-o', 'json'], { programs: programs() });
  expect([JSON.parse(stdout), stderr]).toEqual([
    { data: '/d', made: ['root internal'] },
    'made an authority\n',
  ]);
});

test.each([
  ['a passphrase as a flag', ['init', '--passphrase', 'secret'], "unknown option '--passphrase'"],
  ['a setting without value', ['server', '--set', 'log.level'], 'fix: write it as setting=value'],
  ['a word too many', ['server', 'start'], 'too many arguments'],
])('%s is a usage error', async (_, args, message) => {
  const local = programs();
  const { exit, stderr } = await chancery(args, { programs: local });
  expect([exit, local.started]).toEqual([1, []]);
  expect(stderr).toContain(message);
});

test('server config show has the trust domain at the top, from the file that init was given', async () => {
  const data = temporaryFolder();
  const config = join(data, 'chancery.yaml');
  writeFileSync(config, 'trustDomain: example.test\n');
  writeFileSync(
    join(data, 'client.yaml'),
    `server: https://a.test\nconfiguration: ${JSON.stringify(config)}\n`,
  );
  const show = await chancery(['server', 'config', 'show', '--data', data, '-o', 'json']);
  expect(show.stderr).toBe('');
  expect(JSON.parse(show.stdout)).toMatchObject({ trustDomain: 'example.test' });
  const explain = await chancery(['server', 'config', 'explain', '--data', data]);
  expect(explain.stdout).toMatch(/^trustDomain +example\.test +file +.*chancery\.yaml:1/m);
});
