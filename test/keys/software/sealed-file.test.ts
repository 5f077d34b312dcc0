/** Sealed files open as they were written or not at all, and say what happened to them. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openSealedFile, SealedWriter } from '../../../src/keys/software/sealed-file.ts';
import { CHUNK, StreamOpener, StreamSealer } from '../../../src/keys/software/sealed-stream.ts';
import { refusalOfAsync } from '../../support/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-sealed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = { bytes: (length: number) => randomBytes(length) };
const sealingKey = createSecretKey(randomBytes(32));
const TEXT = randomBytes(3 * CHUNK + 100);
const SEALED_CHUNK = CHUNK + 16;

let count = 0;
function seal(text: Buffer, key = sealingKey): string {
  const path = join(folder, `file-${count++}`);
  const writer = new SealedWriter(path, 'database-copy', { schema: 1 }, { key }, random);
  for (let at = 0; at < text.length; at += 50_000) writer.write(text.subarray(at, at + 50_000));
  writer.finish();
  return path;
}

async function read(path: string): Promise<Buffer> {
  const sealed = await openSealedFile(path, 'database-copy', { sealingKey });
  return Buffer.concat([...sealed.text()]);
}

const GOOD = readFileSync(seal(TEXT));
const BEGIN = GOOD.length - (3 * SEALED_CHUNK + 100 + 16);

function spoil(change: (octets: Buffer) => Buffer): string {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, change(Buffer.from(GOOD)));
  return path;
}

const chunk = (octets: Buffer, n: number): Buffer =>
  octets.subarray(BEGIN + n * SEALED_CHUNK, BEGIN + (n + 1) * SEALED_CHUNK);
const flip = (octets: Buffer, at: number): Buffer => {
  octets[at] = (octets[at] ?? 0) ^ 1;
  return octets;
};

describe('a sealed file', () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])(
    'of %i octets opens',
    async (size) => {
      const text = randomBytes(size);
      expect((await read(seal(text))).equals(text)).toBe(true);
    },
  );

  test('is private, and what anybody can read of it is its header', () => {
    const path = seal(Buffer.from('the text of it'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const all = readFileSync(path, 'latin1');
    expect(all).toMatch(/^chancery sealed\n/);
    expect(all).toContain('"facts":{"schema":1}');
    expect(all).not.toContain('the text of it');
  });

  test.each<[string, (octets: Buffer) => Buffer, RegExp]>([
    ['cut off within a chunk', (all) => all.subarray(0, -1), /chunk 4 .* changed or cut off/],
    ['cut off between chunks', (all) => all.subarray(0, BEGIN + 2 * SEALED_CHUNK), /cut off after chunk 2/],
    ['cut off before the first', (all) => all.subarray(0, BEGIN), /cut off after chunk 0/],
    ['cut off within its header', (all) => all.subarray(0, BEGIN - 40), /cut off within its header/],
    [
      'with a bit that flipped',
      (all) => flip(all, BEGIN + SEALED_CHUNK + 1000),
      /chunk 2 .* changed, swapped or left out/,
    ],
    ['with a bit that flipped in the last chunk', (all) => flip(all, all.length - 50), /chunk 4 .* changed/],
    [
      'with two chunks swapped',
      (all) =>
        Buffer.concat([
          all.subarray(0, BEGIN),
          chunk(all, 1),
          chunk(all, 0),
          all.subarray(BEGIN + 2 * SEALED_CHUNK),
        ]),
      /chunk 1 .* swapped/,
    ],
    [
      'without a chunk in the middle',
      (all) => Buffer.concat([all.subarray(0, BEGIN + SEALED_CHUNK), all.subarray(BEGIN + 2 * SEALED_CHUNK)]),
      /chunk 2 .* left out/,
    ],
    [
      'with something behind its end',
      (all) => Buffer.concat([all, all.subarray(BEGIN, BEGIN + SEALED_CHUNK)]),
      /chunk 4 is not the one/,
    ],
    [
      'that is something else',
      () => Buffer.from('PK\u0003\u0004 and so on and so forth'),
      /no sealed file of Chancery/,
    ],
    ['with a header that is no JSON', (all) => flip(all, 20), /header/],
  ])('%s is refused by name', async (_what, change, message) => {
    const path = spoil(change);
    const refused = await refusalOfAsync(() => read(path));
    expect(refused.code).toBe('damaged_backup');
    expect(refused.message).toContain(path);
    expect(refused.message).toMatch(message);
  });

  test('whose header was changed, or of another keyring, does not open', async () => {
    const changed = spoil((all) =>
      Buffer.from(all.toString('latin1').replace('"schema":1', '"schema":2'), 'latin1'),
    );
    const foreign = seal(TEXT, createSecretKey(randomBytes(32)));
    for (const path of [changed, foreign]) {
      const { code, message } = await refusalOfAsync(() => read(path));
      expect(code).toBe('wrong_passphrase');
      expect(message).toContain(path);
    }
  });

  test('of another kind is refused, and no name is taken twice', async () => {
    const path = seal(TEXT);
    expect(
      (await refusalOfAsync(() => openSealedFile(path, 'backup', { passphraseFile: path }))).message,
    ).toContain('it is a database-copy, not a backup');
    expect(() => new SealedWriter(path, 'backup', {}, { key: sealingKey }, random)).toThrow('EEXIST');
  });

  test('with any octet changed never opens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(GOOD.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const path = spoil((all) => {
          all[at] = (all[at] ?? 0) ^ by;
          return all;
        });
        const { code } = await refusalOfAsync(() => read(path));
        rmSync(path);
        expect(['damaged_backup', 'wrong_passphrase']).toContain(code);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a sealed stream', () => {
  test('is the same in whatever pieces it comes', () => {
    const secrets = () => ({ key: sealingKey, prefix: Buffer.alloc(7, 3), associatedData: Buffer.from('x') });
    const [once, piecewise] = [new StreamSealer(secrets()), new StreamSealer(secrets())];
    const whole = Buffer.concat([once.push(TEXT), once.finish()]);
    const parts = [1, 2, CHUNK, 17].map((n, i, all) =>
      TEXT.subarray(
        all.slice(0, i).reduce((a, b) => a + b, 0),
        i === 3 ? undefined : all.slice(0, i).reduce((a, b) => a + b, 0) + n,
      ),
    );
    const sealed = Buffer.concat([...parts.map((part) => piecewise.push(part)), piecewise.finish()]);
    expect(sealed.equals(whole)).toBe(true);
    const opener = new StreamOpener(secrets());
    const opened = Buffer.concat([
      opener.push(whole.subarray(0, 5)),
      opener.push(whole.subarray(5)),
      opener.finish(),
    ]);
    expect(opened.equals(TEXT)).toBe(true);
  });

  test('with other associated data does not open', () => {
    const secrets = { key: sealingKey, prefix: Buffer.alloc(7, 3), associatedData: Buffer.from('x') };
    const sealer = new StreamSealer(secrets);
    const opener = new StreamOpener({ ...secrets, associatedData: Buffer.from('y') });
    opener.push(Buffer.concat([sealer.push(Buffer.from('a')), sealer.finish()]));
    expect(() => opener.finish()).toThrow('chunk 1 is not the one that was sealed there');
  });
});
