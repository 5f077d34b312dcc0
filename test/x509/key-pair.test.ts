import { expect, test } from 'vitest';
import { generateKeyPair } from '../../src/x509/key-pair.ts';

test('RSA keys that wait hold up no other key, and all are made', { timeout: 30_000 }, async () => {
  let made = 0;
  const rsa = Array.from({ length: 8 }, async () => {
    const { publicKey } = await generateKeyPair('rsa-3072');
    made++;
    return publicKey.bits;
  });
  await generateKeyPair('ecdsa-p256');
  expect(made).toBeLessThanOrEqual(2);
  expect(await Promise.all(rsa)).toEqual(rsa.map(() => 3072));
});
