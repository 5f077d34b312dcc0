/** `chancery cert verify` as it is typed: exit 0 valid, 3 not, 1 unreadable. */
import { describe, expect, test } from 'vitest';
import { MAX_INPUT } from '../../../src/cli/offline/input.ts';
import { encodePem } from '../../../src/x509/pem.ts';
import { exportPkcs8 } from '../../../src/x509/key-pair.ts';
import { NOW } from '../../support/chains.ts';
import { chancery, type Outcome } from '../run.ts';
import { makeCrl, makeFiles } from './files.ts';

const AT = '2026-06-01T12:00:00Z';

async function verify(...args: string[]): Promise<Outcome & { json: Record<string, unknown> }> {
  const outcome = await chancery(['cert', 'verify', ...args, '-o', 'json'], { now: NOW });
  const json = outcome.stdout === '' ? {} : (JSON.parse(outcome.stdout) as Record<string, unknown>);
  return { ...outcome, json };
}

describe('a chain that holds', () => {
  test('exits 0 and prints it, leaf first', async () => {
    const files = await makeFiles();
    const outcome = await verify(
      files.certificates('leaf.pem', files.leaf),
      '--roots',
      files.certificates('roots.pem', files.root),
      '--untrusted',
      files.certificates('untrusted.pem', files.issuer),
      '--at',
      AT,
      '--dns',
      'api.example.test',
      '--purpose',
      'server',
    );
    expect(outcome).toMatchObject({ exit: 0, stderr: '' });
    expect(outcome.json).toMatchObject({
      valid: true,
      at: AT,
      expected: { kind: 'dns', value: 'api.example.test' },
      purpose: 'server',
    });
    expect(outcome.json['chain']).toMatchObject([
      { position: 'leaf', name: 'spiffe://example.test/api', revocation: 'not-checked' },
      { position: 'intermediate', subject: 'CN=issuer' },
      { position: 'root', subject: 'CN=root', revocation: 'anchor' },
    ]);
  });

  test('may come in one file, as DER, and with things around it', async () => {
    const files = await makeFiles();
    const roots = files.write('root.der', files.root.der);
    const key = encodePem('PRIVATE KEY', exportPkcs8(files.leaf.pair.privateKey));
    const certificates = [files.leaf, files.issuer]
      .map(({ der }) => encodePem('CERTIFICATE', der))
      .join('remark\n');
    const bundle = files.write('bundle.pem', key + certificates);
    const outcome = await verify(bundle, '--roots', roots);
    expect(outcome.exit).toBe(0);
    expect(outcome.stdout).not.toContain('PRIVATE');
  });

  test('is asked as a server’s where a host is named, and as nothing more where none is', async () => {
    const files = await makeFiles();
    const bundle = files.certificates('bundle.pem', files.leaf, files.issuer);
    const roots = files.certificates('roots.pem', files.root);
    const host = await verify(bundle, '--roots', roots, '--dns', 'api.example.test');
    expect(host.json).toMatchObject({ valid: true, purpose: 'server' });
    expect((await verify(bundle, '--roots', roots)).json['purpose']).toBeUndefined();
  });

  test('reads calmly', async () => {
    const files = await makeFiles();
    const bundle = files.certificates('bundle.pem', files.leaf, files.issuer);
    const roots = files.certificates('roots.pem', files.root);
    const { stdout } = await chancery(['cert', 'verify', bundle, '--roots', roots], { now: NOW });
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'valid: spiffe://example.test/api',
      `  at          ${AT}`,
      '  chain       spiffe://example.test/api (leaf, expires 2026-07-01T12:00:00Z)',
      '              CN=issuer (intermediate, expires 2026-07-01T12:00:00Z)',
    ]);
    expect(stdout).toContain('  revocation  not looked at, no CRL was given\n');
  });
});

describe('a chain that does not hold', () => {
  const refusals: readonly [sentence: string, code: string, args: readonly string[]][] = [
    ['another host name', 'name_mismatch', ['--dns', 'other.example.test']],
    ['another SPIFFE ID', 'name_mismatch', ['--uri', 'spiffe://example.test/other']],
    ['an address that it has not', 'name_mismatch', ['--ip', '10.0.0.1']],
    ['a time after its end', 'expired', ['--at', '2027-01-01T00:00:00Z']],
    ['a time before its begin', 'not_yet_valid', ['--at', '2020-01-01T00:00:00Z']],
  ];
  test.each(refusals)('for %s exits 3 with reason and rule on stdout', async (_sentence, code, args) => {
    const files = await makeFiles();
    const roots = files.certificates('roots.pem', files.root);
    const outcome = await verify(
      files.certificates('bundle.pem', files.leaf, files.issuer),
      '--roots',
      roots,
      ...args,
    );
    expect(outcome).toMatchObject({ exit: 3, stderr: '', json: { valid: false, code } });
    expect(outcome.json['reason']).toEqual(expect.any(String));
    expect(outcome.json['rule']).toMatch(/RFC \d+/);
    expect(outcome.json['certificate']).toMatchObject({ name: 'spiffe://example.test/api' });
  });

  test('without its intermediate names the issuer that is missing', async () => {
    const files = await makeFiles();
    const roots = files.certificates('roots.pem', files.root);
    const { exit, json } = await verify(files.certificates('leaf.pem', files.leaf), '--roots', roots);
    expect([exit, json['code']]).toEqual([3, 'no_path']);
    expect(json['reason']).toContain('CN=issuer');
  });

  test('by a CRL says since when and why', async () => {
    const files = await makeFiles();
    const bundle = files.certificates('bundle.pem', files.leaf, files.issuer);
    const roots = files.certificates('roots.pem', files.root);
    const clean = files.crl('clean.pem', makeCrl(files.root), makeCrl(files.issuer));
    const revoked = files.write(
      'revoked.crl',
      makeCrl(files.issuer, { revoked: [{ serial: files.leaf.serial }] }),
    );
    const good = await verify(bundle, '--roots', roots, '--crl', clean);
    expect(good.json['chain']).toMatchObject([
      { revocation: 'good' },
      { revocation: 'good' },
      { revocation: 'anchor' },
    ]);
    const bad = await verify(bundle, '--roots', roots, '--crl', clean, '--crl', revoked);
    expect(bad).toMatchObject({
      exit: 3,
      json: { code: 'revoked', reason: 'revoked at 2026-06-01T11:00:00Z, reason unspecified' },
    });
  });
});

describe('input that cannot be read exits 1', () => {
  const inputs: readonly [sentence: string, content: string | Uint8Array | undefined, says: string][] = [
    ['a file that is missing', undefined, 'there is no such file'],
    ['an empty file', '', 'it is empty'],
    ['text', 'hello', 'neither PEM nor DER'],
    ['a block that is cut off', '-----BEGIN CERTIFICATE-----\nMII', 'has no END line'],
    [
      'a block that is no base64',
      '-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n',
      'is not base64',
    ],
    ['a certificate that is none', encodePem('CERTIFICATE', Buffer.from('3003020101', 'hex')), 'has tag 0x2'],
    [
      'a private key',
      encodePem('PRIVATE KEY', Buffer.from('3003020101', 'hex')),
      'it holds "PRIVATE KEY" only',
    ],
    ['more than a mebibyte', Buffer.alloc(MAX_INPUT + 1, 0x30), 'larger than 1024 KiB'],
  ];
  test.each(inputs)('%s', async (_sentence, content, says) => {
    const files = await makeFiles();
    const roots = files.certificates('roots.pem', files.root);
    const path = content === undefined ? '/nonexistent/leaf.pem' : files.write('leaf.pem', content);
    for (const args of [
      [path, '--roots', roots],
      [roots, '--roots', path],
    ]) {
      const outcome = await verify(...args);
      expect(outcome).toMatchObject({ exit: 1, stdout: '' });
      expect(outcome.stderr).toContain(says);
      expect(outcome.stderr).toContain(path);
      expect(outcome.stderr).not.toMatch(/\n\s+at /);
    }
  });

  test.each([
    ['--at', 'yesterday'],
    ['--ip', '10.0.0.1:443'],
    ['--purpose', 'mail'],
    ['--dns', ''],
  ])('%s %s', async (flag, value) => {
    const files = await makeFiles();
    const roots = files.certificates('roots.pem', files.root);
    const outcome = await verify(roots, '--roots', roots, flag, value);
    expect(outcome).toMatchObject({ exit: 1, stdout: '' });
    expect(outcome.stderr).toContain(flag);
  });

  test('a CRL that is none, by its name', async () => {
    const files = await makeFiles();
    const roots = files.certificates('roots.pem', files.root);
    const crl = files.write('bad.crl', Buffer.from('3003020101', 'hex'));
    const outcome = await verify(roots, '--roots', roots, '--crl', crl);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toContain(crl);
  });
});

test('roots that cannot be read are left out, and that is said', async () => {
  const files = await makeFiles();
  const roots = files.write(
    'roots.pem',
    encodePem('CERTIFICATE', Buffer.from('3000', 'hex')) + encodePem('CERTIFICATE', files.root.der),
  );
  const outcome = await verify(files.certificates('bundle.pem', files.leaf, files.issuer), '--roots', roots);
  expect(outcome).toMatchObject({ exit: 0, json: { valid: true, skippedRoots: 1 } });
});
