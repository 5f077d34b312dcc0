/** Small secrets in the database, sealed with the key that seals the key files. */
import type { Random } from '../base/random.ts';
import type { SecretBox } from '../domain/issuance/ports.ts';
import { type Keyring, openBox, sealBox } from '../keys/software/index.ts';
import { concat, fromUtf8 } from '../x509/bytes.ts';

const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

/** As nonce, tag, ciphertext. The context is sealed with it: a row that was copied to another one does not open. */
export const secretBox = ({ sealingKey }: Pick<Keyring, 'sealingKey'>, random: Random): SecretBox => ({
  seal(secret, context) {
    const { nonce, tag, ciphertext } = sealBox(sealingKey, secret, fromUtf8(context), random);
    return concat([nonce, tag, ciphertext]);
  },
  open(sealed, context) {
    if (sealed.length < NONCE_OCTETS + TAG_OCTETS) return undefined;
    const box = {
      nonce: sealed.subarray(0, NONCE_OCTETS),
      tag: sealed.subarray(NONCE_OCTETS, NONCE_OCTETS + TAG_OCTETS),
      ciphertext: sealed.subarray(NONCE_OCTETS + TAG_OCTETS),
    };
    return openBox(sealingKey, box, fromUtf8(context));
  },
});
