/** Certificate requests as clients make them, and as attackers do. */
import type { Bytes } from '../../src/x509/bytes.ts';
import { assembleRequest, encodeRequestInfo } from '../../src/x509/csr.ts';
import { type Extension, subjectAltName } from '../../src/x509/extensions.ts';
import type { NameKind } from '../../src/x509/general-name.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';

export interface RequestParts {
  readonly subject?: Bytes;
  readonly names?: readonly { readonly kind: NameKind; readonly value: string }[];
  readonly extensions?: readonly Extension[];
  /** Whose public key stands inside, where that is not the signer's. */
  readonly spki?: Bytes;
}

export function makeRequest(signer: KeyPair, parts: RequestParts = {}): Bytes {
  const { subject = EMPTY_NAME, names = [], extensions = [], spki = signer.publicKey.spki } = parts;
  const wanted = names.length === 0 ? extensions : [subjectAltName(names, false), ...extensions];
  const info = encodeRequestInfo({ subject, spki, extensions: wanted });
  return assembleRequest(
    info,
    signatureAlgorithmFor(signer.publicKey.type).identifier,
    signWith(signer, info),
  );
}
