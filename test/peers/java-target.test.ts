/** The layout `java`: Java's keytool opens what is delivered with the password file, and finds the whole chain. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FilesTarget } from '../../src/delivery/files/index.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { certificateFingerprint } from '../../src/x509/certificate.ts';
import { temporaryFolder } from '../house/temporary-folder.ts';
import { dns, makeCa, makeLeaf } from '../support/chains.ts';

test('a keystore of an RSA leaf below an ECDSA issuer, rotated', { timeout: 60_000 }, async () => {
  const root = temporaryFolder();
  const directory = join(root, 'tls');
  const password = join(root, 'password');
  writeFileSync(password, 'correct horse');
  const target = new FilesTarget({
    directory,
    layout: 'java',
    modes: { folder: { mode: 0o755 }, file: { mode: 0o644 }, secret: { mode: 0o600 } },
    password: () => Promise.resolve('correct horse'),
    reload: undefined,
    paths: [root],
    commands: new Map(),
  });
  const issuer = await makeCa(
    'java issuer',
    await makeCa('java root', undefined, { keyAlgorithm: 'rsa-2048' }),
  );
  for (const version of [1, 2]) {
    const leaf = await makeLeaf(`java ${version}`, issuer, dns('app.example.test'), {
      keyAlgorithm: 'rsa-2048',
    });
    const fingerprint = certificateFingerprint(leaf.der);
    await target.deliver({
      managed: 'app',
      version,
      certificate: leaf.der,
      fingerprint,
      chain: [issuer.der],
      roots: [],
      privateKey: exportPkcs8(leaf.pair.privateKey),
    });
    const listed = execFileSync(
      'keytool',
      ['-list', '-v', '-keystore', join(directory, 'keystore.p12'), '-storepass:file', password],
      { encoding: 'utf8' },
    );
    expect(listed).toContain('PrivateKeyEntry');
    expect(listed).toContain('Certificate chain length: 2');
    expect(listed.replaceAll(':', '').toLowerCase()).toContain(fingerprint);
  }
});
