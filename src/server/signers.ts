/**
 * Everything that holds a signing key. Each takes only its own Prepared, so nothing else can be signed; later ones
 * (JWT-SVID) stand here beside them.
 */
import { ChanceryError } from '../base/errors.ts';
import type { PreparedHead } from '../domain/audit/heads.ts';
import type { HeadSigner } from '../domain/audit/ports.ts';
import type { CaRequestSigner, PreparedCaRequest } from '../domain/issuance/ca-request.ts';
import { type CaSigner, type PreparedCaCertificate, sameKey } from '../domain/issuance/hierarchy.ts';
import type { Generation } from '../domain/issuance/issuer.ts';
import type { LeafSigner } from '../domain/issuance/ports.ts';
import type { PreparedCertificate } from '../domain/issuance/prepared.ts';
import type { PreparedResponder, ResponderSigner } from '../domain/issuance/responder.ts';
import type { CrlSigner, PreparedCrl } from '../domain/revocation/crl.ts';
import type { IssuerCrlSigner, PreparedIssuerCrl } from '../domain/revocation/issuer-crl.ts';
import type { OcspSigner, PreparedOcsp } from '../domain/revocation/ocsp.ts';
import type { SigningKey, SigningKeys } from '../keys/signing-keys.ts';
import { toHex } from '../x509/bytes.ts';
import type { PublicKey } from '../x509/public-key.ts';

export const leafSigner = (keys: SigningKeys): LeafSigner => ({
  spki: (generation: Generation) => keys.open(generation.keyId).publicKey.spki,
  sign(prepared: PreparedCertificate) {
    const tbs = prepared.redeem();
    return { tbs, signature: keys.open(prepared.generation.keyId).sign(tbs) };
  },
});

/** Where keys come from: the key store, or an offline root's own file. */
type Keys = Pick<SigningKeys, 'open'>;

function keyOf(keys: Keys, keyId: string, expected: PublicKey): SigningKey {
  const key = keys.open(keyId);
  if (sameKey(key.publicKey, expected)) return key;
  throw new ChanceryError('issuer_stopped', {
    message: `the key ${keyId} does not belong to the certificate of its CA`,
    rule: 'a CA signs with the key that its certificate names',
    fix: 'Restore the keys folder that belongs to this database.',
  });
}

export const caSigner = (keys: Keys): CaSigner => ({
  sign(keyId: string, prepared: PreparedCaCertificate) {
    const key = keyOf(keys, keyId, prepared.signerKey);
    const tbs = prepared.redeem();
    return { tbs, signature: key.sign(tbs) };
  },
});

/** A CA asks for its own certificate with its own key. */
export const caRequestSigner = (keys: Keys): CaRequestSigner => ({
  sign(keyId: string, prepared: PreparedCaRequest) {
    const key = keyOf(keys, keyId, prepared.publicKey);
    const info = prepared.redeem();
    return { info, signature: key.sign(info) };
  },
});

export const crlSigner = (keys: Keys): CrlSigner => ({
  sign(keyId: string, prepared: PreparedCrl) {
    const key = keyOf(keys, keyId, prepared.signerKey);
    const tbs = prepared.redeem();
    return { tbs, signature: key.sign(tbs) };
  },
});

/** The generation certifies who answers for it. */
export const responderSigner = (keys: Keys): ResponderSigner => ({
  sign(prepared: PreparedResponder) {
    const { keyId, publicKey } = prepared.generation;
    const key = keyOf(keys, keyId, publicKey);
    const tbs = prepared.redeem();
    return { tbs, signature: key.sign(tbs) };
  },
});

export const ocspSigner = (keys: Keys): OcspSigner => ({
  sign(prepared: PreparedOcsp) {
    const key = keyOf(keys, prepared.responder.keyId, prepared.responder.publicKey);
    const tbs = prepared.redeem();
    return { tbs, signature: key.sign(tbs) };
  },
});

export const issuerCrlSigner = (keys: Keys): IssuerCrlSigner => ({
  sign: (keyId: string, prepared: PreparedIssuerCrl) =>
    keyOf(keys, keyId, prepared.signerKey).signLong(prepared.redeem()),
});

export function headSigner(key: SigningKey): HeadSigner {
  const keyId = toHex(key.publicKey.fingerprint);
  return { sign: (prepared: PreparedHead) => prepared.signed(keyId, key.sign(prepared.redeem(keyId))) };
}
