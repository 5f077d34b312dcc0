import { createHash } from 'node:crypto';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  copyFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateKeyPair, importPkcs8, KEY_ALGORITHMS } from '../../../src/x509/key-pair.ts';
import { sealKeyFile } from '../../../src/keys/software/key-file.ts';
import { openBox, readBox } from '../../../src/keys/software/sealed-box.ts';
import { signingKeysContract } from '../../contract/signing-keys.ts';
import { random, softwareKeys } from './workbench.ts';

signingKeysContract('SoftwareKeys', softwareKeys);

const damaged = expect.objectContaining({ code: 'damaged_key' }) as unknown;

describe('a sealed key file', () => {
  test('with any octet changed is refused', async () => {
    const { folder, keys, reopen } = await softwareKeys();
    await keys.generate('servers-1', 'ecdsa-p256');
    const path = join(folder, 'servers-1.key.json');
    const whole = readFileSync(path);
    const fresh = await reopen();
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      writeFileSync(path, changed);
      expect(() => fresh.open('servers-1'), `octet ${at}`).toThrow(damaged);
    }
    writeFileSync(path, whole);
    expect(fresh.open('servers-1').id).toBe('servers-1');
  });

  test('that is cut or has something added is refused', async () => {
    const { folder, keys, reopen } = await softwareKeys();
    await keys.generate('servers-1', 'ed25519');
    const path = join(folder, 'servers-1.key.json');
    const whole = readFileSync(path, 'utf8');
    for (const text of [
      '',
      '{}',
      'null',
      '[]',
      whole.slice(0, -1),
      `${whole}\n`,
      whole.replace('{', '{"x":1,'),
      whole.slice(0, 100),
    ]) {
      writeFileSync(path, text);
      await expect(
        reopen().then((keys) => keys.open('servers-1')),
        text.slice(0, 20),
      ).rejects.toThrow(damaged);
    }
  });

  test('under the name of another is refused', async () => {
    const { folder, keys, reopen } = await softwareKeys();
    await keys.generate('servers-1', 'ecdsa-p256');
    await keys.generate('clients-1', 'ecdsa-p256');
    const [servers, clients] = ['servers-1', 'clients-1'].map((id) => join(folder, `${id}.key.json`)) as [
      string,
      string,
    ];
    renameSync(servers, `${servers}.away`);
    renameSync(clients, servers);
    renameSync(`${servers}.away`, clients);
    const fresh = await reopen();
    expect(() => fresh.open('servers-1')).toThrow(/holds the key "clients-1"/);
    expect(() => fresh.open('clients-1')).toThrow(damaged);
  });

  test('with the id rewritten to the name it was put under is refused', async () => {
    const { folder, keys, reopen } = await softwareKeys();
    await keys.generate('servers-1', 'ecdsa-p256');
    const text = readFileSync(join(folder, 'servers-1.key.json'), 'utf8');
    writeFileSync(join(folder, 'clients-1.key.json'), text.replace('servers-1', 'clients-1'), {
      mode: 0o600,
    });
    await expect(reopen().then((keys) => keys.open('clients-1'))).rejects.toThrow(/seal is broken/);
  });

  test('of another keyring is refused', async () => {
    const one = await softwareKeys();
    const other = await softwareKeys();
    await other.keys.generate('servers-1', 'ecdsa-p256');
    copyFileSync(join(other.folder, 'servers-1.key.json'), join(one.folder, 'servers-1.key.json'));
    expect(() => one.keys.open('servers-1')).toThrow(damaged);
  });

  test('whose public key is not that of its private key is refused', async () => {
    const { folder, keyring, keys } = await softwareKeys();
    const [pair, other] = [await generateKeyPair('ed25519'), await generateKeyPair('ed25519')];
    const mixed = { privateKey: pair.privateKey, publicKey: other.publicKey };
    writeFileSync(
      join(folder, 'mixed.key.json'),
      sealKeyFile(keyring.sealingKey, 'mixed', 'ed25519', mixed, random),
      { mode: 0o600 },
    );
    expect(() => keys.open('mixed')).toThrow(/of another public key/);
  });
});

test('a key is read once and kept', async () => {
  const { folder, keys, reopen } = await softwareKeys();
  await keys.generate('servers-1', 'ed25519');
  const fresh = await reopen();
  const opened = fresh.open('servers-1');
  rmSync(join(folder, 'servers-1.key.json'));
  expect(fresh.open('servers-1')).toBe(opened);
});

describe('on the disk', () => {
  test('there is no private key in the clear, whatever its algorithm', async () => {
    const { folder, keyring, keys } = await softwareKeys();
    for (const algorithm of KEY_ALGORITHMS.filter((name) => name !== 'rsa-4096' && name !== 'rsa-3072'))
      await keys.generate(algorithm, algorithm);
    const disk = Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
    const decoded = Buffer.concat([
      disk,
      ...[...disk.toString('latin1').matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([text]) =>
        Buffer.from(text, 'base64'),
      ),
    ]);
    for (const id of keys.list()) {
      const file = JSON.parse(readFileSync(join(folder, `${id}.key.json`), 'utf8')) as {
        id: string;
        algorithm: string;
        publicKey: string;
        sealed: unknown;
      };
      const secret = secretOctets(keyring.sealingKey, file);
      expect(decoded.includes(secret), id).toBe(false);
      expect(disk.includes(secret.toString('base64').slice(2, 30)), id).toBe(false);
      expect(disk.includes(secret.toString('hex').slice(0, 32)), id).toBe(false);
    }
    expect(decoded.includes(keyring.sealingKey.export())).toBe(false);
  });

  test('two seals of one key share no octets of nonce or ciphertext', async () => {
    const { keyring } = await softwareKeys();
    const pair = await generateKeyPair('ecdsa-p256');
    const seals = [1, 2].map(
      () =>
        JSON.parse(sealKeyFile(keyring.sealingKey, 'a', 'ecdsa-p256', pair, random)) as {
          sealed: { nonce: string; ciphertext: string };
        },
    );
    expect(seals[0]?.sealed.nonce).not.toBe(seals[1]?.sealed.nonce);
    expect(seals[0]?.sealed.ciphertext).not.toBe(seals[1]?.sealed.ciphertext);
  });

  test('nothing is left behind but the key files, and those are 0600', async () => {
    const { folder, keys } = await softwareKeys();
    await keys.generate('servers-1', 'ecdsa-p256');
    await keys.generate('servers-1', 'ecdsa-p256').catch(() => undefined);
    expect(readdirSync(folder).sort()).toEqual(['kek', 'keyring.json', 'servers-1.key.json']);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o7777).toBe(0o600);
  });
});

/** The octets that would give the key away: the private scalar, seed or prime, without the PKCS#8 around them. */
function secretOctets(
  sealingKey: Parameters<typeof openBox>[0],
  file: { id: string; algorithm: string; publicKey: string; sealed: unknown },
): Buffer {
  const box = readBox(file.sealed);
  const spki = Buffer.from(file.publicKey, 'base64');
  const fingerprint = createHash('sha256').update(spki).digest('hex');
  const aad = Buffer.from(JSON.stringify(['chancery key', 1, file.id, file.algorithm, fingerprint]));
  const pkcs8 = box && openBox(sealingKey, box, aad);
  if (pkcs8 === undefined) throw new Error('the test cannot open the box');
  const jwk = importPkcs8(pkcs8).privateKey.export({ format: 'jwk' });
  return Buffer.from(String(jwk.p ?? jwk.d), 'base64url');
}
