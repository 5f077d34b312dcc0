/** A generation's request to a root that is offline: PKCS#10, signed with the generation's own key. */
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import {
  assembleRequest,
  type CertificationRequest,
  encodeRequestInfo,
  provesPossession,
  readCertificationRequest,
} from '../../x509/csr.ts';
import { basicConstraints, keyUsage } from '../../x509/extensions.ts';
import { encodeNameConstraints } from '../../x509/name-constraints.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { IssuerBounds } from './issuer.ts';

/** A request that may be signed once, with the key that it is about. */
export class PreparedCaRequest {
  readonly publicKey: PublicKey;
  readonly #info: Bytes;
  #redeemed = false;

  private constructor(info: Bytes, publicKey: PublicKey) {
    this.#info = info;
    this.publicKey = publicKey;
  }

  /** What the root's keeper is asked for stands in it; what is given, the keeper decides. */
  static of(subject: Bytes, publicKey: PublicKey, bounds: IssuerBounds): PreparedCaRequest {
    const extensions = [
      basicConstraints({ ca: true, pathLength: bounds.pathLength ?? 0 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      ...(bounds.nameConstraints === undefined ? [] : [encodeNameConstraints(bounds.nameConstraints)]),
    ];
    return new PreparedCaRequest(encodeRequestInfo({ subject, spki: publicKey.spki, extensions }), publicKey);
  }

  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared request was redeemed twice');
    this.#redeemed = true;
    return concat([this.#info]);
  }
}

/** Signs requests for CA certificates and nothing else. */
export interface CaRequestSigner {
  sign(keyId: string, prepared: PreparedCaRequest): { readonly info: Bytes; readonly signature: Bytes };
}

/** DER of the request. Throws `self_check_failed` where it does not prove what it should. */
export function signCaRequest(signer: CaRequestSigner, keyId: string, prepared: PreparedCaRequest): Bytes {
  const { info, signature } = signer.sign(keyId, prepared);
  const { identifier } = signatureAlgorithmFor(prepared.publicKey.type);
  const der = assembleRequest(info, identifier, signature);
  const request = readCertificationRequest(der);
  if (equal(request.publicKey.spki, prepared.publicKey.spki) && provesPossession(request)) return der;
  throw new ChanceryError('self_check_failed', {
    message: `the request of ${keyId} was signed and discarded: its signature does not verify`,
    rule: 'a request proves the possession of its key',
  });
}

/** Reads what an issuer asks for. Throws `malformed_csr`, `weak_key` or `proof_of_possession_failed`. */
export function readCaRequest(der: Bytes): CertificationRequest {
  const request = readCertificationRequest(der);
  if (provesPossession(request)) return request;
  throw new ChanceryError('proof_of_possession_failed', {
    message: 'the signature of the certificate request does not verify with the key inside',
    rule: 'RFC 2986 4.2: signed with the private key that belongs to the public key',
    fix: 'Fetch the request again from the server that made it.',
  });
}
