/** Step 2: whoever asks holds the private key, or it is made here. */
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { type CertificationRequest, provesPossession, readCertificationRequest } from '../../x509/csr.ts';
import { readBasicConstraints, readKeyUsage } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { type Name, parseGeneralNames, parseName, sameNames } from '../identity/names.ts';

/** A CSR, or a key that is made here, whose possession needs no proof; it is made only for who may have it. */
export type Proof =
  | {
      readonly csr: Bytes;
      /** The same, where it was read already. */
      readonly request?: CertificationRequest;
    }
  | { readonly makeHere: () => Promise<PublicKey> };

export interface Possession {
  /** Absent for a key that is made here, after the request was authorized. */
  readonly publicKey?: PublicKey;
  /** Names in the CSR: to be compared or asked for, never copied. Empty for a key made here. */
  readonly names: readonly Name[];
}

/** Throws `malformed_csr`, `weak_key`, `proof_of_possession_failed`, `csr_asks_for_more` or `invalid_name`. */
export function provePossession(proof: Proof): Possession {
  if ('makeHere' in proof) return { names: [] };
  const request = proof.request ?? readCertificationRequest(proof.csr);
  if (!provesPossession(request))
    throw new ChanceryError('proof_of_possession_failed', {
      message: 'the signature of the certificate request does not verify with the key inside',
      rule: 'RFC 2986 4.2: signed with the private key that belongs to the public key',
      fix: 'Make the request again with the right key.',
    });
  refuseCaRights(request);
  return { publicKey: request.publicKey, names: requestedNames(request) };
}

/** Extensions are never copied, so CA rights would not be given anyway; who asks for them is told. */
function refuseCaRights({ requestedExtensions }: CertificationRequest): void {
  const asks = requestedExtensions.some(
    ({ id, value }) =>
      (id === OID.basicConstraints && readBasicConstraints(value).ca) ||
      (id === OID.keyUsage &&
        readKeyUsage(value).some((usage) => usage === 'keyCertSign' || usage === 'cRLSign')),
  );
  if (!asks) return;
  throw new ChanceryError('csr_asks_for_more', {
    message: 'the certificate request asks for the rights of a CA',
    rule: 'leaves have cA=FALSE and sign neither certificates nor CRLs',
    fix: 'Make the request without basicConstraints CA:TRUE, keyCertSign and cRLSign.',
  });
}

/** subjectAltName, or for old tools a lone commonName that is a host name or address. */
function requestedNames(request: CertificationRequest): Name[] {
  if (request.names.length > 0) return parseGeneralNames(request.names);
  const [cn, ...more] = request.commonNames;
  if (cn === undefined || more.length > 0) return [];
  for (const kind of ['ip', 'dns'] as const) {
    try {
      return [parseName(kind, cn)];
    } catch {
      // a commonName may be anything: then it names nothing
    }
  }
  return [];
}

/** What the caller asked for beside the CSR; its names have to be those of the CSR where that has any. Throws `names_differ`. */
export function resolveNames(
  possession: Possession,
  asked: readonly Name[] | undefined,
  why: string,
): readonly Name[] {
  if (asked === undefined) return possession.names;
  if (possession.names.length === 0 || sameNames(possession.names, asked)) return asked;
  throw new ChanceryError('names_differ', {
    message: `the certificate request names ${list(possession.names)}, ${why} ${list(asked)}`,
    rule: 'a certificate request that has names has exactly those that are asked for',
    fix: 'Make the request without names, or with the same ones.',
  });
}

const list = (names: readonly Name[]): string =>
  names.map(({ kind, value }) => `${kind}:${value}`).join(', ') || 'nothing';
