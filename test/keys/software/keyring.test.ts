import {
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
  mkdirSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createKeyring, type Keyring, openKeyring } from '../../../src/keys/software/index.ts';
import { dataFolder, random, softwareKeys } from './workbench.ts';

/** Deriving a key costs half a second by intent: one keyring is made, every test gets a copy of it. */
let original:
  Promise<{ readonly file: string; readonly text: string; readonly keyring: Keyring }> | undefined;

async function makeOriginal() {
  const data = dataFolder();
  const file = join(data, 'passphrase');
  writeFileSync(file, 'correct horse\n', { mode: 0o600 });
  const keyring = await createKeyring(join(data, 'keys'), { kind: 'file', file }, random);
  return { file, text: readFileSync(join(data, 'keys', 'keyring.json'), 'utf8'), keyring };
}

/** A keyring under the passphrase `correct horse`. */
async function withPassphrase() {
  const { file: elsewhere, text, keyring } = await (original ??= makeOriginal());
  const data = dataFolder();
  const folder = join(data, 'keys');
  const file = join(data, 'passphrase');
  writeFileSync(file, 'correct horse\n', { mode: 0o600 });
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, 'keyring.json'), text.replace(elsewhere, file), { mode: 0o600 });
  return { data, folder, file, keyring };
}

const failsWith = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as unknown;

describe('a keyring under a passphrase', () => {
  test('opens with no more than its folder, because it remembers the absolute path of the file', async () => {
    const data = dataFolder();
    const file = join(data, 'passphrase');
    writeFileSync(file, 'correct horse', { mode: 0o600 });
    const made = await createKeyring(
      join(data, 'keys'),
      { kind: 'file', file: relative(process.cwd(), file) },
      random,
    );
    expect(JSON.parse(readFileSync(join(data, 'keys', 'keyring.json'), 'utf8'))).toMatchObject({
      source: { kind: 'file', file },
    });
    const opened = await openKeyring(join(data, 'keys'));
    expect(opened.sealingKey.equals(made.sealingKey)).toBe(true);
    expect(opened).toMatchObject({ development: false, warnings: [] });
  });

  test('opens with the same words from another place, whatever line break follows them', async () => {
    const { data, folder, keyring } = await withPassphrase();
    const other = join(data, 'other');
    writeFileSync(other, 'correct horse\r\n', { mode: 0o600 });
    const opened = await openKeyring(folder, { kind: 'credential', name: 'kek', file: other });
    expect(opened.sealingKey.equals(keyring.sealingKey)).toBe(true);
  });

  test('says wrong_passphrase and names the file when the words are others, but never quotes them', async () => {
    const { folder, file } = await withPassphrase();
    writeFileSync(file, 'incorrect horse\n');
    const error: unknown = await openKeyring(folder).catch((caught: unknown) => caught);
    expect(error).toEqual(
      failsWith('wrong_passphrase', new RegExp(`${file} does not open the keys in ${folder}`)),
    );
    expect(JSON.stringify([error, String(error)])).not.toContain('incorrect horse');
  });

  test('keeps neither the passphrase nor the sealing key in its file', async () => {
    const { folder, keyring } = await withPassphrase();
    const text = readFileSync(join(folder, 'keyring.json'), 'utf8');
    expect(text).not.toContain('correct horse');
    expect(text).not.toContain(keyring.sealingKey.export().toString('base64'));
    expect(JSON.parse(text)).toMatchObject({ format: 1, scrypt: { N: 2 ** 17, r: 8, p: 1 } });
  });

  test('warns when everybody on the host can read the passphrase', async () => {
    const { folder, file } = await withPassphrase();
    chmodSync(file, 0o644);
    expect((await openKeyring(folder)).warnings).toEqual([expect.stringContaining(file)]);
  });

  test('is not opened by a development source', async () => {
    const { folder } = await withPassphrase();
    await expect(openKeyring(folder, { kind: 'development' })).rejects.toEqual(
      failsWith('wrong_passphrase', /sealed with a passphrase/),
    );
  });

  test.each([
    ['is empty', ''],
    ['is a line break alone', '\n'],
  ])('is not made when the file %s', async (_, content) => {
    const data = dataFolder();
    const file = join(data, 'passphrase');
    writeFileSync(file, content);
    const folder = join(data, 'keys');
    await expect(createKeyring(folder, { kind: 'file', file }, random)).rejects.toEqual(
      failsWith('invalid_configuration', /is empty/),
    );
    expect(existsSync(join(folder, 'keyring.json'))).toBe(false);
  });

  test.each([
    ['is missing', () => undefined],
    ['is a folder', (file: string) => mkdirSync(file)],
    ['is beyond 64 KiB', (file: string) => writeFileSync(file, 'x'.repeat(70_000))],
  ])('is not made when the file %s', async (_, make) => {
    const file = join(dataFolder(), 'passphrase');
    make(file);
    await expect(
      createKeyring(join(file, '..', 'keys'), { kind: 'file', file }, random),
    ).rejects.toMatchObject({ code: 'invalid_configuration' });
  });

  test('asks for $CREDENTIALS_DIRECTORY when a credential has no path', async () => {
    const folder = join(dataFolder(), 'keys');
    const source = { kind: 'credential', name: 'kek', file: undefined } as const;
    await expect(createKeyring(folder, source, random)).rejects.toEqual(
      failsWith('invalid_configuration', /CREDENTIALS_DIRECTORY/),
    );
  });
});

describe('a keyring under a development file', () => {
  test('says so at every start', async () => {
    const folder = join(dataFolder(), 'keys');
    const made = await createKeyring(folder, { kind: 'development' }, random);
    const opened = await openKeyring(folder);
    for (const keyring of [made, opened])
      expect(keyring).toMatchObject({
        development: true,
        warnings: [expect.stringContaining(join(folder, 'kek'))],
      });
    expect(opened.sealingKey.equals(made.sealingKey)).toBe(true);
    expect(Buffer.from(readFileSync(join(folder, 'kek'), 'latin1'), 'base64')).toHaveLength(32);
    expect(statSync(join(folder, 'kek')).mode & 0o7777).toBe(0o600);
  });

  test('takes up the file that a broken-off init left', async () => {
    const folder = join(dataFolder(), 'keys');
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    await createKeyring(folder, { kind: 'development' }, random);
    expect(
      Buffer.from(readFileSync(join(folder, 'kek'), 'latin1'), 'base64').equals(Buffer.alloc(32, 7)),
    ).toBe(true);
    await openKeyring(folder);
  });

  test.each([
    ['missing', undefined],
    ['another one', `${Buffer.alloc(32, 1).toString('base64')}\n`],
    ['short', `${Buffer.alloc(16, 1).toString('base64')}\n`],
    ['no base64', 'not a key at all\n'],
    ['empty', ''],
  ])('does not open when the file is %s', async (_, content) => {
    const folder = join(dataFolder(), 'keys');
    await createKeyring(folder, { kind: 'development' }, random);
    rmSync(join(folder, 'kek'));
    if (content !== undefined) writeFileSync(join(folder, 'kek'), content, { mode: 0o600 });
    await expect(openKeyring(folder)).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  test('is not opened by a passphrase', async () => {
    const data = dataFolder();
    const file = join(data, 'passphrase');
    writeFileSync(file, 'correct horse', { mode: 0o600 });
    await createKeyring(join(data, 'keys'), { kind: 'development' }, random);
    await expect(openKeyring(join(data, 'keys'), { kind: 'file', file })).rejects.toEqual(
      failsWith('wrong_passphrase', /sealed under a development file/),
    );
  });
});

describe('keyring.json', () => {
  test('is never made twice', async () => {
    const folder = join(dataFolder(), 'keys');
    await createKeyring(folder, { kind: 'development' }, random);
    const before = readFileSync(join(folder, 'keyring.json'), 'utf8');
    await expect(createKeyring(folder, { kind: 'development' }, random)).rejects.toMatchObject({
      code: 'already_exists',
    });
    expect(readFileSync(join(folder, 'keyring.json'), 'utf8')).toBe(before);
  });

  test('is not made anew where keys wait for the old one', async () => {
    const { folder, keys } = await softwareKeys();
    await keys.generate('servers-1', 'ed25519');
    rmSync(join(folder, 'keyring.json'));
    await expect(createKeyring(folder, { kind: 'development' }, random)).rejects.toEqual(
      failsWith('damaged_key', /servers-1\.key\.json\), and their keyring is gone/),
    );
    expect(existsSync(join(folder, 'keyring.json'))).toBe(false);
  });

  test('that is missing means that there is no authority', async () => {
    await expect(openKeyring(join(dataFolder(), 'keys'))).rejects.toMatchObject({ code: 'no_authority' });
  });

  test.each([
    ['no JSON', () => 'x'],
    ['empty', () => ''],
    ['null', () => 'null'],
    ['of a later format', (text: string) => text.replace('"format": 1', '"format": 2')],
    ['without the wrapped key', (text: string) => text.replace('wrapped', 'unwrapped')],
    ['of an unknown kind', (text: string) => text.replace('"development"', '"hope"')],
  ])('that is %s is told as damaged', async (_, change) => {
    const folder = join(dataFolder(), 'keys');
    await createKeyring(folder, { kind: 'development' }, random);
    const path = join(folder, 'keyring.json');
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    await expect(openKeyring(folder)).rejects.toMatchObject({ code: 'damaged_key' });
  });

  test.each([
    ['so weak that it can be guessed', '"N": 131072', '"N": 1024'],
    ['so costly that it takes the memory away', '"N": 131072', '"N": 1073741824'],
    ['no power of two', '"N": 131072', '"N": 131071'],
    ['of other blocks', '"r": 8', '"r": 1024'],
  ])('with a derivation %s is refused before it is derived', async (_, from, to) => {
    const { folder } = await withPassphrase();
    const path = join(folder, 'keyring.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
    const start = process.cpuUsage();
    await expect(openKeyring(folder)).rejects.toMatchObject({ code: 'damaged_key' });
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(100);
  });

  test('through a symlink, or open to others, is not read', async () => {
    const folder = join(dataFolder(), 'keys');
    await createKeyring(folder, { kind: 'development' }, random);
    chmodSync(join(folder, 'keyring.json'), 0o640);
    await expect(openKeyring(folder)).rejects.toEqual(
      failsWith('unsafe_files', /found mode 0640, needed mode 0600/),
    );
    const linked = join(dataFolder(), 'keys');
    mkdirSync(linked, { mode: 0o700 });
    symlinkSync(join(folder, 'keyring.json'), join(linked, 'keyring.json'));
    await expect(openKeyring(linked)).rejects.toEqual(failsWith('unsafe_files', /symbolic link/));
  });
});
