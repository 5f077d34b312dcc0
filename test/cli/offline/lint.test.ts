/** `chancery cert lint`: exit 0 clean, 3 findings, 1 unreadable. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DAY } from '../../../src/base/clock.ts';
import { keyUsage, subjectKeyIdentifier } from '../../../src/x509/extensions.ts';
import { dns, ECDSA_SHA1, makeCa, makeLeaf, NOW, type Spoiled } from '../../support/chains.ts';
import { chancery } from '../run.ts';
import { makeFiles } from './files.ts';

async function lint(...args: string[]): Promise<{ exit: number; lints: string[]; stderr: string }> {
  const { exit, stdout, stderr } = await chancery(['cert', 'lint', ...args, '-o', 'json'], { now: NOW });
  const json = stdout === '' ? { findings: [] } : (JSON.parse(stdout) as { findings: { lint: string }[] });
  return { exit, lints: json.findings.map(({ lint: id }) => id), stderr };
}

test('a clean leaf and a clean CA exit 0', async () => {
  const files = await makeFiles();
  const issuer = files.certificates('issuer.pem', files.issuer);
  expect(await lint(files.certificates('leaf.pem', files.leaf), '--issuer', issuer)).toMatchObject({
    exit: 0,
    lints: [],
  });
  expect(await lint(files.certificates('chain.pem', files.issuer, files.root))).toMatchObject({
    exit: 0,
    lints: [],
  });
  expect(await lint(files.certificates('root.pem', files.root))).toMatchObject({ exit: 0, lints: [] });
});

const faults: readonly [sentence: string, finding: string, spoiled: Spoiled][] = [
  ['outlives its issuer', 'validity_within_issuer', { notAfter: NOW + 90 * DAY }],
  ['has a short serial number', 'serial_entropy', { serial: Buffer.from([1]) }],
  [
    'has a keyUsage that is not critical',
    'extension_criticality',
    { extensions: { keyUsage: { ...keyUsage(['digitalSignature']), critical: false } } },
  ],
  ['says two algorithms', 'signature_algorithm_twice', { outerAlgorithm: ECDSA_SHA1 }],
  ['has expired', 'valid_now', { notAfter: NOW - DAY / 2 }],
];
test.each(faults)('a leaf that %s exits 3: %s', async (_sentence, finding, spoiled) => {
  const files = await makeFiles();
  const leaf = await makeLeaf('leaf', files.issuer, dns('api.example.test'), spoiled);
  const outcome = await lint(
    files.certificates('leaf.pem', leaf),
    '--issuer',
    files.certificates('issuer.pem', files.issuer),
  );
  expect(outcome.exit).toBe(3);
  expect(outcome.lints).toContain(finding);
});

test('a certificate that somebody else signed is a finding', async () => {
  const files = await makeFiles();
  const impostor = await makeCa('issuer', files.root, { keyOwner: 'impostor' });
  const { exit, lints } = await lint(
    files.certificates('leaf.pem', files.leaf),
    '--issuer',
    files.certificates('issuer.pem', impostor),
  );
  expect([exit, lints.includes('signature')]).toEqual([3, true]);
});

test('a key identifier by SHA-1, as most authorities write it, is none', async () => {
  const files = await makeFiles();
  const usual = subjectKeyIdentifier(createHash('sha1').update(files.leaf.pair.publicKey.keyBits).digest());
  const leaf = await makeLeaf('leaf', files.issuer, dns('api.example.test'), {
    extensions: { subjectKeyIdentifier: usual },
  });
  expect(await lint(files.certificates('leaf.pem', leaf))).toMatchObject({ exit: 0, lints: [] });
});

test('what cannot be read exits 1', async () => {
  const files = await makeFiles();
  const outcome = await lint(files.write('rubbish.pem', 'rubbish'));
  expect(outcome).toMatchObject({ exit: 1, lints: [] });
  expect(outcome.stderr).toContain('rubbish.pem');
});
