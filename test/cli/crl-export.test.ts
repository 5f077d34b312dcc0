/** `issuer crl export`: the file of a service that checks clients by itself. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodePem } from '../../src/x509/pem.ts';
import { type CrlOptions, makeCa, makeCrl, NOW, type Party } from '../support/chains.ts';
import { chancery } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-export-'));
const file = join(folder, 'clients.pem');
let root: Party;
let issuer: Party;
let listener: Server;
let url: string;
let answer: { status: number; text: string };

beforeAll(async () => {
  root = await makeCa('root');
  issuer = await makeCa('issuer', root);
  listener = createServer((request, response) => {
    const known = request.url === '/crl/clients.pem';
    response.writeHead(known ? answer.status : 404).end(known ? answer.text : 'there is no such issuer\n');
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
});
afterAll(() => {
  listener.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => rmSync(file, { force: true }));

const pem = (...lists: Uint8Array[]): string => lists.map((der) => encodePem('X509 CRL', der)).join('');
const good = (options: CrlOptions = {}): string => pem(makeCrl(issuer, options), makeCrl(root));
const run = (text: string, status = 200, ...more: string[]) => {
  answer = { status, text };
  const line = ['issuer', 'crl', 'export', 'clients', '--url', url, '--out', file, '-o', 'json', ...more];
  return chancery(line, { now: NOW });
};

test('writes all lists to a file that everybody may read, without a login', async () => {
  const text = good({ number: 7 });
  const { exit, stdout } = await run(text);
  expect(exit).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe(text);
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(JSON.parse(stdout)).toMatchObject({ file, changed: true, crls: [{ number: '7' }, { number: '1' }] });
  expect(readdirSync(folder)).toEqual(['clients.pem']);
});

test('takes the address from the environment too', async () => {
  answer = { status: 200, text: good() };
  const line = ['issuer', 'crl', 'export', 'clients', '--out', file];
  const { exit } = await chancery(line, { now: NOW, environment: { CHANCERY_STATUS_URL: `${url}/` } });
  expect(exit).toBe(0);
});

test('leaves a file alone that holds the same lists, so that nothing reloads for nothing', async () => {
  const text = good();
  await run(text);
  const { ino, mtimeMs } = statSync(file);
  expect(JSON.parse((await run(text)).stdout)).toMatchObject({ changed: false });
  expect(statSync(file)).toMatchObject({ ino, mtimeMs });
  expect(JSON.parse((await run(good({ number: 2 }))).stdout)).toMatchObject({ changed: true });
  expect(statSync(file).ino).not.toBe(ino);
});

test.each<[what: string, text: () => string, status: number, said: RegExp]>([
  [
    'a list with a lower number than the one before',
    () => good({ number: 4 }),
    200,
    /number 4, the one in .* has 5/,
  ],
  ['a list that has run out', () => good({ number: 6, nextUpdate: NOW }), 200, /has run out/],
  ['a list without a number', () => good({ number: undefined }), 200, /has no number/],
  ['something else in PEM', () => encodePem('CERTIFICATE', issuer.der), 200, /something else than CRLs/],
  ['half of a file', () => good().slice(0, -40), 200, /END line/],
  ['nothing', () => '', 200, /something else than CRLs/],
  [
    'an answer that something is missing',
    () => 'there is no CRL of the root x\n',
    503,
    /503 there is no CRL of the root x/,
  ],
])('%s leaves the file as it was', async (_what, text, status, said) => {
  const before = good({ number: 5 });
  writeFileSync(file, before);
  const { exit, stderr } = await run(text(), status);
  expect(exit).not.toBe(0);
  expect(stderr).toMatch(said);
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(readdirSync(folder)).toEqual(['clients.pem']);
});

test('an issuer that there is not, and a listener that there is not, have their exit codes', async () => {
  const ask = (name: string, at: string) =>
    chancery(['issuer', 'crl', 'export', name, '--url', at, '--out', file], { now: NOW });
  expect((await ask('nobody', url)).exit).toBe(4);
  expect((await ask('clients', 'http://127.0.0.1:1')).exit).toBe(5);
  expect((await ask('clients', 'ftp://x')).exit).toBe(1);
});
