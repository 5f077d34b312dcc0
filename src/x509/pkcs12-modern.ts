/** PKCS#12 under PBES2 (RFC 8018): AES-256-CBC with PBKDF2-HMAC-SHA-256, and a MAC with HMAC-SHA-256. */
import { webcrypto } from 'node:crypto';
import {
  Attribute,
  AuthenticatedSafe,
  CryptoEngine,
  PFX,
  PKCS8ShroudedKeyBag,
  PrivateKeyInfo,
  SafeBag,
  SafeContents,
} from 'pkijs';
import { type Bytes, fromUtf8 } from './bytes.ts';
import { OID } from './oids.ts';
import type { Sealing } from './pkcs12-bags.ts';

/** As keytool and Windows do. Our own passwords are random and long: hashing them more often buys nothing. */
const ITERATIONS = 10_000;

/** `encryptedData` and `passwordIntegrity`, as pkijs numbers the modes. */
const [PLAIN, ENCRYPTED, MAC] = [0, 1, 0];

export async function sealModern(sealing: Sealing): Promise<Bytes> {
  const engine = new CryptoEngine({ name: 'node', crypto: webcrypto });
  const password = view(fromUtf8(sealing.password));
  const encryption = {
    password,
    contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 },
    hmacHashAlgorithm: 'SHA-256',
    iterationCount: ITERATIONS,
  };

  const key = new PKCS8ShroudedKeyBag({ parsedValue: PrivateKeyInfo.fromBER(view(sealing.privateKeyInfo)) });
  await key.makeInternalValues(encryption, engine);
  const keyBag = new SafeBag({
    bagId: OID.pkcs8ShroudedKeyBag,
    bagValue: key,
    bagAttributes: sealing.attributes.map((der) => Attribute.fromBER(view(der))),
  });

  const authenticatedSafe = new AuthenticatedSafe({
    parsedValue: {
      safeContents: [
        // the key is under the password by its own bag
        { privacyMode: PLAIN, value: new SafeContents({ safeBags: [keyBag] }) },
        { privacyMode: ENCRYPTED, value: SafeContents.fromBER(view(sealing.certificateBags)) },
      ],
    },
  });
  await authenticatedSafe.makeInternalValues({ safeContents: [{}, encryption] }, engine);

  const pfx = new PFX({ parsedValue: { integrityMode: MAC, authenticatedSafe } });
  await pfx.makeInternalValues(
    { password, iterations: ITERATIONS, pbkdf2HashAlgorithm: 'SHA-256', hmacHashAlgorithm: 'SHA-256' },
    engine,
  );
  return new Uint8Array(pfx.toSchema().toBER());
}

/** pkijs wants the octets in a buffer of their own. */
const view = (bytes: Bytes): ArrayBuffer => new Uint8Array(bytes).buffer;
