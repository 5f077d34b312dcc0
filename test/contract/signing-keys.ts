/** What every backend of `SigningKeys` keeps. */
import { describe, expect, test } from 'vitest';
import type { SigningKeys } from '../../src/keys/signing-keys.ts';
import { equal, fromUtf8, toHex } from '../../src/x509/bytes.ts';
import { exportPkcs8, generateKeyPair, type KeyAlgorithm } from '../../src/x509/key-pair.ts';
import type { KeyType } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor, verifySignature } from '../../src/x509/signature.ts';

export interface SigningKeysBackend {
  readonly keys: SigningKeys;
  /** The same keys as a process sees them that was started later. */
  readonly reopen: () => Promise<SigningKeys>;
}

const ALGORITHMS: readonly [KeyAlgorithm, KeyType][] = [
  ['ecdsa-p256', 'ecdsa-p256'],
  ['ecdsa-p384', 'ecdsa-p384'],
  ['ed25519', 'ed25519'],
  ['rsa-2048', 'rsa'],
];

const MESSAGE = fromUtf8('to be signed');

export function signingKeysContract(name: string, start: () => Promise<SigningKeysBackend>): void {
  describe(`${name} keeps the contract of signing keys`, () => {
    test.each(ALGORITHMS)(
      'a key of the algorithm %s signs, also after a restart',
      async (algorithm, type) => {
        const { keys, reopen } = await start();
        const made = await keys.generate('servers-1', algorithm);
        expect(made.id).toBe('servers-1');
        expect(made.publicKey.type).toBe(type);
        const opened = (await reopen()).open('servers-1');
        expect(toHex(opened.publicKey.spki)).toBe(toHex(made.publicKey.spki));
        for (const key of [made, keys.open('servers-1'), opened]) {
          const signature = key.sign(MESSAGE);
          const { identifier } = signatureAlgorithmFor(type);
          expect(verifySignature(identifier, MESSAGE, signature, made.publicKey)).toBe(true);
          expect(verifySignature(identifier, fromUtf8('something else'), signature, made.publicKey)).toBe(
            false,
          );
        }
      },
    );

    test('every key is a fresh one, and they are listed in order', async () => {
      const { keys, reopen } = await start();
      expect(keys.list()).toEqual([]);
      const second = await keys.generate('b-1', 'ecdsa-p256');
      const first = await keys.generate('a-1', 'ecdsa-p256');
      expect(equal(first.publicKey.spki, second.publicKey.spki)).toBe(false);
      expect(keys.list()).toEqual(['a-1', 'b-1']);
      expect((await reopen()).list()).toEqual(['a-1', 'b-1']);
    });

    test.each(ALGORITHMS)(
      'an %s key that was made elsewhere signs, also after a restart',
      async (algorithm) => {
        const { keys, reopen } = await start();
        const pair = await generateKeyPair(algorithm);
        const pkcs8 = exportPkcs8(pair.privateKey);
        for (let time = 0; time < 2; time++) {
          const taken = await keys.import('servers-2.abc', pkcs8);
          expect(toHex(taken.publicKey.spki)).toBe(toHex(pair.publicKey.spki));
        }
        const { identifier } = signatureAlgorithmFor(pair.publicKey.type);
        const signature = (await reopen()).open('servers-2.abc').sign(MESSAGE);
        expect(verifySignature(identifier, MESSAGE, signature, pair.publicKey)).toBe(true);
        const other = exportPkcs8((await generateKeyPair('ecdsa-p256')).privateKey);
        await expect(keys.import('servers-2.abc', other)).rejects.toMatchObject({ code: 'already_exists' });
        await expect(keys.import('broken', MESSAGE)).rejects.toMatchObject({ code: 'malformed_der' });
      },
    );

    test('no key is ever overwritten', async () => {
      const { keys, reopen } = await start();
      const first = await keys.generate('servers-1', 'ecdsa-p256');
      await expect(keys.generate('servers-1', 'ecdsa-p256')).rejects.toMatchObject({
        code: 'already_exists',
      });
      for (const now of [keys, await reopen()])
        expect(toHex(now.open('servers-1').publicKey.spki)).toBe(toHex(first.publicKey.spki));
    });

    test('of two that make a key under one id at once, one does', async () => {
      const { keys, reopen } = await start();
      const results = await Promise.allSettled([
        keys.generate('servers-1', 'ecdsa-p256'),
        keys.generate('servers-1', 'ecdsa-p256'),
      ]);
      const [made, ...more] = results.flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      );
      expect(more).toEqual([]);
      for (const now of [keys, await reopen()])
        expect(toHex(now.open('servers-1').publicKey.spki)).toBe(
          toHex(made?.publicKey.spki ?? new Uint8Array()),
        );
    });

    test('a key that was forgotten is gone, also after a restart, and the others stay', async () => {
      const { keys, reopen } = await start();
      await keys.generate('ocsp.servers-1.1', 'ecdsa-p256');
      await keys.generate('servers-1', 'ecdsa-p256');
      await keys.forget('ocsp.servers-1.1');
      await keys.forget('ocsp.servers-1.1');
      for (const now of [keys, await reopen()]) {
        expect(now.list()).toEqual(['servers-1']);
        expect(() => now.open('ocsp.servers-1.1')).toThrow(expect.objectContaining({ code: 'not_found' }));
      }
      await expect(keys.forget('../keyring')).rejects.toMatchObject({ code: 'invalid_request' });
    });

    test('a key that was never made is not found', async () => {
      const { keys } = await start();
      expect(() => keys.open('servers-9')).toThrow(expect.objectContaining({ code: 'not_found' }));
    });

    test.each([
      '',
      '../keyring',
      'a/b',
      'a\\b',
      '/etc/passwd',
      'A',
      '.hidden',
      'a\0b',
      'a'.repeat(101),
      '..',
    ])('an id like %j is refused', async (id) => {
      const { keys } = await start();
      await expect(keys.generate(id, 'ed25519')).rejects.toMatchObject({ code: 'invalid_request' });
      expect(() => keys.open(id)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    });
  });
}
