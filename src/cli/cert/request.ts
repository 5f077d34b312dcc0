/** A fresh key and the request for a certificate over it. */
import { assembleRequest, encodeRequestInfo } from '../../x509/csr.ts';
import { subjectAltName } from '../../x509/extensions.ts';
import type { NameKind } from '../../x509/general-name.ts';
import { exportPkcs8, generateKeyPair, type KeyAlgorithm, signWith } from '../../x509/key-pair.ts';
import { EMPTY_NAME } from '../../x509/name.ts';
import { encodePem } from '../../x509/pem.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';

export interface FreshRequest {
  /** PKCS#8, PEM. */
  readonly privateKey: string;
  /** PKCS#10, PEM: empty subject, the names as subjectAltName. */
  readonly csr: string;
}

export async function makeRequest(
  keyType: KeyAlgorithm,
  names: readonly { readonly kind: NameKind; readonly value: string }[],
): Promise<FreshRequest> {
  const pair = await generateKeyPair(keyType);
  const info = encodeRequestInfo({
    subject: EMPTY_NAME,
    spki: pair.publicKey.spki,
    extensions: names.length === 0 ? [] : [subjectAltName(names, true)],
  });
  const { identifier } = signatureAlgorithmFor(pair.publicKey.type);
  return {
    privateKey: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
    csr: encodePem('CERTIFICATE REQUEST', assembleRequest(info, identifier, signWith(pair, info))),
  };
}
