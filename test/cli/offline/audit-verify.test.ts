import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS, isChanceryError } from '../../../src/base/errors.ts';
import {
  type AuditVerifyOptions,
  type AuditVerifyResult,
  describeAuditReport,
  verifyAuditFile,
} from '../../../src/cli/offline/audit-verify.ts';
import { encodePem } from '../../../src/x509/pem.ts';
import { generateKeyPair } from '../../../src/x509/key-pair.ts';
import { AUDIT_KEY, exportOf, makeLog, toFile } from '../../domain/audit/audit-fixtures.ts';

const LINES = exportOf(makeLog(120, 20));
let folder: string;
let key: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-verify-'));
  key = keep('audit.pub', encodePem('PUBLIC KEY', AUDIT_KEY.publicKey.spki));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keep(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

const nothing = pieces(new Uint8Array(0), 1);
const run = (
  options: Partial<AuditVerifyOptions>,
  input: AsyncIterable<Uint8Array> = nothing,
): Promise<AuditVerifyResult> => verifyAuditFile({ file: '-', key, ...options }, input);

describe('audit verify', () => {
  it('exits 0 for a good export, and says that a cut tail needs --head', async () => {
    const { report, exitCode } = await run({ file: keep('good.jsonl', toFile(LINES)) });
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ verdict: 'good', entries: 120, lastHead: { sequence: 120 } });
    expect(describeAuditReport(report, 'good.jsonl')).toMatch(/^good\.jsonl: good\n[\s\S]*--head/);
  });

  it.each([1, 2, 63, 64, 1000, 1 << 20])('reads standard input in pieces of %i octets', async (size) => {
    const { report, exitCode } = await run({}, pieces(toFile(LINES), size));
    expect({ exitCode, entries: report.entries }).toEqual({ exitCode: 0, entries: 120 });
  });

  it('exits 3 and names the first bad record', async () => {
    const lines = LINES.map((line, i) => (i === 50 ? line.replace('"rest"', '"test"') : line));
    const { report, exitCode } = await run({ file: keep('bad.jsonl', toFile(lines)) });
    expect(exitCode).toBe(3);
    expect(report.bad).toMatchObject({ line: 51, sequence: 48, fault: 'changed' });
    expect(describeAuditReport(report, 'bad.jsonl')).toMatch(
      /broken at line 51\n {2}entry 48 was changed[\s\S]*entry 40, signed/,
    );
  });

  it('reads no further than the first bad record', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; ; taken++) yield await Promise.resolve(Buffer.from('no entry\n'));
    }
    expect((await run({}, endless())).exitCode).toBe(3);
    expect(taken).toBeLessThan(3);
  });

  it('keeps no endless line', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${LINES[0]}\n`);
      for (; ; taken++) yield await Promise.resolve(Buffer.alloc(1 << 20, 'x'));
    }
    expect((await run({}, endless())).report.bad).toMatchObject({ line: 2, fault: 'malformed' });
    expect(taken).toBeLessThan(10);
  });

  it('sees a tail that was cut after a head, with the head that was kept elsewhere', async () => {
    const head = keep('head.json', `${LINES.at(-1)}\n`);
    const cut = keep(
      'cut.jsonl',
      toFile(
        LINES.slice(
          0,
          LINES.findLastIndex((line, i) => i < LINES.length - 1 && line.startsWith('{"type":"head"')) + 1,
        ),
      ),
    );
    expect((await run({ file: cut })).exitCode).toBe(0);
    const { report, exitCode } = await run({ file: cut, head });
    expect(exitCode).toBe(3);
    expect(report.bad).toMatchObject({ fault: 'cut', sequence: 101 });
    const whole = await run({ file: keep('good.jsonl', toFile(LINES)), head });
    expect(whole).toMatchObject({
      exitCode: 0,
      report: { witness: { sequence: 120, found: true }, notes: [] },
    });
  });

  it('takes the newest head of several', async () => {
    const head = keep('heads.jsonl', toFile(LINES));
    expect((await run({ head }, pieces(toFile(LINES), 4096))).report.witness).toMatchObject({
      sequence: 120,
    });
  });
});

describe('audit verify of what cannot be read', () => {
  it.each([
    ['a file that is not there', () => ({ file: join(folder, 'none') }), /none cannot be read: ENOENT/],
    ['a folder', () => ({ file: folder }), /cannot be read: EISDIR/],
    ['a key that is not there', () => ({ key: join(folder, 'none') }), /none cannot be read/],
    ['a key that is none', () => ({ key: keep('x', 'hello') }), /PUBLIC KEY/],
    ['a head that is not there', () => ({ head: join(folder, 'none') }), /none cannot be read/],
    ['a head that is none', () => ({ head: keep('y', '{"type":"head"}\n') }), /holds no head/],
  ])('exits 1 for %s', async (_, options, message) => {
    const error: unknown = await run(options()).catch((thrown: unknown) => thrown);
    if (!isChanceryError(error)) throw error;
    expect(error.message).toMatch(message);
    expect(ERRORS[error.code].exit).toBe(1);
  });

  it('exits 1 for a head of another authority', async () => {
    const other = await generateKeyPair('ed25519');
    const options = {
      key: keep('other.pub', encodePem('PUBLIC KEY', other.publicKey.spki)),
      head: keep('head.json', `${LINES.at(-1)}\n`),
    };
    await expect(run(options)).rejects.toThrow(/not signed by the given audit key/);
  });
});
