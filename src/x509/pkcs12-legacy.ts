/**
 * PKCS#12 as it was before PBES2: pbeWithSHA1And3-KeyTripleDES-CBC and a MAC with HMAC-SHA-1 (RFC 7292 appendices B, C).
 * node-forge derives the keys and encrypts. The bags around it are our own: forge's reads every certificate that it
 * packs, and cannot read one with an elliptic-curve key, as our issuers have.
 */
import { createHmac, randomBytes } from 'node:crypto';
import forge from 'node-forge';
import { type Bytes, toLatin1 } from './bytes.ts';
import {
  context,
  contextConstructed,
  DerReader,
  NULL,
  octetString,
  oid,
  sequence,
  smallInteger,
  TAG,
  tlv,
} from './der.ts';
import { OID } from './oids.ts';
import { safeBag, type Sealing } from './pkcs12-bags.ts';

/** What OpenSSL wrote in its day; what reads this form is slow. The password of ours needs no stretching. */
const ITERATIONS = 2048;
const SALT_OCTETS = 8;
const MAC_KEY_OCTETS = 20;
/** RFC 7292 B.3: the key is for a MAC. */
const MAC_KEY_ID = 3;

export function sealLegacy(sealing: Sealing): Bytes {
  const { password, privateKeyInfo, attributes, certificateBags } = sealing;
  const keyBag = safeBag(OID.pkcs8ShroudedKeyBag, encrypt(privateKeyInfo, password), attributes);
  const authenticatedSafe = sequence(
    contentInfo(OID.encryptedData, encryptedData(certificateBags, password)),
    contentInfo(OID.data, octetString(sequence(keyBag))),
  );
  return sequence(
    smallInteger(3),
    contentInfo(OID.data, octetString(authenticatedSafe)),
    macData(authenticatedSafe, password),
  );
}

const contentInfo = (type: string, content: Bytes): Bytes =>
  sequence(oid(type), tlv(contextConstructed(0), content));

/** EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm, OCTET STRING }, whatever is inside. */
function encrypt(der: Bytes, password: string): Bytes {
  const plain = forge.asn1.fromDer(toLatin1(der));
  const sealed = forge.pki.encryptPrivateKeyInfo(plain, password, {
    algorithm: '3des',
    count: ITERATIONS,
    saltSize: SALT_OCTETS,
  });
  return Buffer.from(forge.asn1.toDer(sealed).getBytes(), 'latin1');
}

/** CMS EncryptedData: the same algorithm and octets in another envelope (RFC 5652 section 8). */
function encryptedData(der: Bytes, password: string): Bytes {
  const reader = DerReader.sequence(encrypt(der, password), 'encrypted');
  const algorithm = reader.expect(TAG.sequence, 'algorithm').raw;
  const { content } = reader.expect(TAG.octetString, 'octets');
  return sequence(smallInteger(0), sequence(oid(OID.data), algorithm, tlv(context(0), content)));
}

/** MacData ::= SEQUENCE { mac DigestInfo, macSalt, iterations } */
function macData(authenticatedSafe: Bytes, password: string): Bytes {
  const salt = randomBytes(SALT_OCTETS);
  const key = forge.pkcs12.generateKey(
    password,
    forge.util.createBuffer(toLatin1(salt)),
    MAC_KEY_ID,
    ITERATIONS,
    MAC_KEY_OCTETS,
  );
  const mac = createHmac('sha1', Buffer.from(key.getBytes(), 'latin1')).update(authenticatedSafe).digest();
  return sequence(
    sequence(sequence(oid(OID.sha1), NULL), octetString(mac)),
    octetString(salt),
    smallInteger(ITERATIONS),
  );
}
