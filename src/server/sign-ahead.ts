/** OCSP answers before anybody asks: by the responder of the generation, for the status that is on record now. */
import { hash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import { type OcspResponder, type OcspSigner, PreparedOcsp, signOcsp } from '../domain/revocation/ocsp.ts';
import type { RevocationStore } from '../domain/revocation/ports.ts';
import { answerPath, SIGNED_AHEAD_LIFE, type SignAhead } from '../domain/revocation/publication.ts';
import { fromHex, toHex } from '../x509/bytes.ts';
import { CERT_ID_HASHES, type CertIdHash, encodeCertId } from '../x509/cert-id.ts';
import type { Authority } from './authority.ts';

export interface SignAheadOptions {
  readonly clock: Clock;
  readonly authority: Pick<Authority, 'generation'>;
  readonly responder: (generation: string) => OcspResponder | undefined;
  readonly statuses: Pick<RevocationStore, 'status'>;
  readonly signer: OcspSigner;
}

export function signAhead({ clock, authority, responder, statuses, signer }: SignAheadOptions): SignAhead {
  const keyHashes = new Map<string, string>();

  /** Of the issuer's key, hexadecimal. */
  function keyHash(generation: string, algorithm: CertIdHash): string | undefined {
    const id = `${algorithm} ${generation}`;
    let found = keyHashes.get(id);
    const keyBits = authority.generation(generation)?.publicKey.keyBits;
    if (found === undefined && keyBits !== undefined)
      keyHashes.set(id, (found = toHex(hash(algorithm, keyBits, 'buffer'))));
    return found;
  }

  function answersNow(generation: string, serial: string) {
    const issuer = authority.generation(generation);
    const answers = responder(generation);
    if (issuer === undefined || answers === undefined)
      throw new ChanceryError('not_ready', `nobody answers OCSP for ${generation} now`);
    const named = { subject: issuer.certificate.subject, keyBits: issuer.publicKey.keyBits };
    const status = statuses.status(generation, serial);
    const now = clock.now();
    return CERT_ID_HASHES.map((algorithm) => {
      const certId = encodeCertId(algorithm, named, fromHex(serial) ?? new Uint8Array(0));
      const singles = [{ certId, status }];
      const prepared = PreparedOcsp.of({
        ...{ responder: answers, singles, nonce: undefined, now },
        life: SIGNED_AHEAD_LIFE,
      });
      return {
        hash: algorithm,
        issuerKeyHash: keyHash(generation, algorithm) ?? '',
        octets: signOcsp(signer, prepared),
        nextUpdate: prepared.nextUpdate,
      };
    });
  }

  return {
    // the promise carries what is thrown
    answers: async (generation, serial) => Promise.resolve(answersNow(generation, serial)),
    responder: (generation) => responder(generation)?.keyId,
    paths: (generation, serial) =>
      CERT_ID_HASHES.flatMap((algorithm) => {
        const issuerKeyHash = keyHash(generation, algorithm);
        return issuerKeyHash === undefined ? [] : [answerPath(algorithm, issuerKeyHash, serial)];
      }),
  };
}
