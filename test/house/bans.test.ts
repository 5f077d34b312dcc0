import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';
import { REPOSITORY } from './temporary-folder.ts';

/** Linted as if it were these files, which the types know. */
const IN_DOMAIN = 'src/domain/issuance/serial.ts';
const IN_X509 = 'src/x509/pem.ts';

let eslint: ESLint;
beforeAll(async () => {
  eslint = new ESLint({ cwd: REPOSITORY });
  await eslint.lintText('', { filePath: IN_DOMAIN }); // the types of the whole house are read once, here
}, 120_000);

async function rulesBroken(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: file });
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message);
}

describe('time, randomness and the world do not get into domain/ by themselves', () => {
  test.each([
    ['Date.now()', 'export const a = Date.now();'],
    ['new Date()', 'export const a = new Date().getTime();'],
    ['new Date(0)', 'export const a = new Date(0).getTime();'],
    ['Date as a type', 'export const a = (date: Date): Date => date;'],
    ['Date under another name', 'const Day = Date; export const a = Day.now();'],
    ['globalThis', 'export const a = globalThis.Date.now();'],
    ['Math.random', 'export const a = Math.random();'],
    ["Math['random']", "export const a = Math['random']();"],
    ['random taken out of Math', 'const { random } = Math; export const a = random();'],
    ['process', 'export const a = process.pid;'],
    ['process.env', "export const a = process.env['HOME'];"],
    ['performance', 'export const a = performance.now();'],
    ['crypto', 'export const a = crypto.randomUUID();'],
    ['fetch', "export const a = fetch('https://example.test');"],
    ['setTimeout', 'setTimeout(() => undefined, 1);'],
    ['Intl', 'export const a = new Intl.DateTimeFormat().format();'],
    ['console', "console.log('a');"],
    ['a module of Node', "import { randomBytes } from 'node:crypto'; export const a = randomBytes(1);"],
  ])('%s', async (_name, code) => {
    const broken = await rulesBroken(IN_DOMAIN, code);
    expect(broken.filter((rule) => /no-restricted-/.test(rule))).not.toEqual([]);
  });

  test('types of Node pass', async () => {
    const code =
      "import type { KeyObject } from 'node:crypto'; export const a = (key: KeyObject): KeyObject => key;";
    expect(await rulesBroken(IN_DOMAIN, code)).toEqual([]);
  });
});

describe('everywhere in src/', () => {
  test.each([
    ['no enum', 'export enum Reason { unspecified }', 'no-restricted-syntax'],
    ['no default export', 'export default 1;', 'no-restricted-syntax'],
    ['no environment', "export const a = process.env['HOME'];", 'no-restricted-syntax'],
    ['no console', "console.log('a');", 'no-console'],
    ['no promise left alone', 'const a = async () => 1; a();', '@typescript-eslint/no-floating-promises'],
    ['nothing unused', 'const a = 1;', '@typescript-eslint/no-unused-vars'],
    ['no file over 400 lines', '//\n'.repeat(401), 'max-lines'],
  ])('%s', async (_name, code, rule) => {
    expect(await rulesBroken(IN_X509, code)).toContain(rule);
  });
});
