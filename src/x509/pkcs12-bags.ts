/** The bags of a PKCS#12 file (RFC 7292 4.2), in DER: the same in both forms. */
import { type Bytes, sha256 } from './bytes.ts';
import { contextConstructed, octetString, oid, sequence, setOf, TAG, tlv } from './der.ts';
import { OID } from './oids.ts';

/** What is put under a password. */
export interface Sealing {
  readonly password: string;
  /** RFC 5958, unencrypted. */
  readonly privateKeyInfo: Bytes;
  /** PKCS12Attribute, DER each, of the bag of the key. */
  readonly attributes: readonly Bytes[];
  /** SafeContents with the certificates. */
  readonly certificateBags: Bytes;
}

/** friendlyName and localKeyID: they tie a key to its certificate. */
export function bagAttributes(friendlyName: string, certificate: Bytes): Bytes[] {
  const attribute = (id: string, value: Bytes): Bytes => sequence(oid(id), setOf(value));
  const bmpString = tlv(TAG.bmpString, Buffer.from(friendlyName, 'utf16le').swap16());
  // any octets do where key and certificate have the same
  const localKeyId = octetString(sha256(certificate).subarray(0, 20));
  return [attribute(OID.friendlyName, bmpString), attribute(OID.localKeyId, localKeyId)];
}

/** SafeBag ::= SEQUENCE { bagId, bagValue [0] EXPLICIT, bagAttributes SET OF OPTIONAL } */
export const safeBag = (id: string, value: Bytes, attributes: readonly Bytes[]): Bytes =>
  sequence(
    oid(id),
    tlv(contextConstructed(0), value),
    ...(attributes.length === 0 ? [] : [setOf(...attributes)]),
  );

/** SafeContents with all certificates, the first one's bag with the attributes of the key's. */
export const certificateBags = (certificates: readonly Bytes[], attributes: readonly Bytes[]): Bytes =>
  sequence(
    ...certificates.map((der, i) =>
      safeBag(
        OID.certBag,
        sequence(oid(OID.x509Certificate), tlv(contextConstructed(0), octetString(der))),
        i === 0 ? attributes : [],
      ),
    ),
  );
