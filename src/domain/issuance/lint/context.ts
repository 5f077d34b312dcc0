/** What a lint sees: the octets that would be signed, read back, and who signs them under which rules. */
import { isChanceryError } from '../../../base/errors.ts';
import type { Instant } from '../../../base/clock.ts';
import type { Bytes } from '../../../x509/bytes.ts';
import { findExtension, type TbsCertificate } from '../../../x509/certificate.ts';
import {
  type BasicConstraints,
  type Extension,
  type AuthorityInfoAccess,
  type KeyUsage,
  readAuthorityInfoAccess,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readExtKeyUsage,
  readKeyUsage,
  readNoRevAvail,
  readSubjectAltName,
  readSubjectKeyIdentifier,
} from '../../../x509/extensions.ts';
import type { GeneralName } from '../../../x509/general-name.ts';
import type { NameConstraints } from '../../../x509/name-constraints.ts';
import { OID } from '../../../x509/oids.ts';
import type { PublicKey } from '../../../x509/public-key.ts';
import type { TrustDomain } from '../../identity/spiffe-id.ts';
import type { Profile } from '../profile.ts';

/** The certificate of whoever signs, as far as lints compare with it. */
export interface LintIssuer {
  readonly subject: Bytes;
  readonly subjectKeyIdentifier: Bytes | undefined;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly spki: Bytes;
  /** The AlgorithmIdentifier that its key signs with. */
  readonly signatureAlgorithm: Bytes;
  /** What it and the CAs above it say of the names below them. */
  readonly nameConstraints?: readonly NameConstraints[] | undefined;
}

/** Rules that only the authority knows. Offline, on a foreign certificate, they may be absent; their lints then pass. */
export interface LintRules {
  readonly issuer?: LintIssuer | undefined;
  readonly profile?: Profile | undefined;
  readonly trustDomain?: TrustDomain | undefined;
  readonly now?: Instant | undefined;
}

export interface LintContext extends LintRules {
  readonly publicKey: PublicKey;
}

export interface LintSubject extends LintContext {
  readonly certificate: TbsCertificate;
}

/** The certificate's extensions, decoded once. `undefined`: absent. */
export interface Decoded {
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extKeyUsage: readonly string[] | undefined;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly subjectAltName: readonly GeneralName[] | undefined;
  readonly authorityKeyIdentifier: Bytes | undefined;
  readonly subjectKeyIdentifier: Bytes | undefined;
  readonly authorityInfoAccess: AuthorityInfoAccess | undefined;
  readonly noRevAvail: true | undefined;
  /** Extensions that cannot be decoded, with the reason. */
  readonly broken: readonly { readonly extension: Extension; readonly reason: string }[];
}

export function decode(certificate: TbsCertificate): Decoded {
  const broken: { extension: Extension; reason: string }[] = [];
  const read = <T>(id: string, reader: (value: Bytes) => T): T | undefined => {
    const extension = findExtension(certificate, id);
    if (extension === undefined) return undefined;
    try {
      return reader(extension.value);
    } catch (error) {
      if (!isChanceryError(error)) throw error;
      broken.push({ extension, reason: error.message });
      return undefined;
    }
  };
  return {
    keyUsage: read(OID.keyUsage, readKeyUsage),
    extKeyUsage: read(OID.extKeyUsage, readExtKeyUsage),
    basicConstraints: read(OID.basicConstraints, readBasicConstraints),
    subjectAltName: read(OID.subjectAltName, readSubjectAltName),
    authorityKeyIdentifier: read(OID.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    subjectKeyIdentifier: read(OID.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityInfoAccess: read(OID.authorityInfoAccess, readAuthorityInfoAccess),
    noRevAvail: read(OID.noRevAvail, readNoRevAvail),
    broken,
  };
}

/** What is wrong, in one sentence with the offending value; `undefined` when nothing is. */
export type Check = (subject: LintSubject, decoded: Decoded) => string | undefined;

export interface Lint {
  /** Stable name. */
  readonly lint: string;
  /** Where the rule stands. */
  readonly source: string;
  readonly check: Check;
}
