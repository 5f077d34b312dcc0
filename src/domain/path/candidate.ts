/** A certificate as the search and the checks see it: names as comparable keys, extensions decoded once, on demand. */
import { isChanceryError } from '../../base/errors.ts';
import { type Bytes } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { type DistributionPoint, readDistributionPoints } from '../../x509/distribution-point.ts';
import {
  type AuthorityInfoAccess,
  type BasicConstraints,
  type KeyUsage,
  readAuthorityInfoAccess,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readExtKeyUsage,
  readKeyUsage,
  readNoRevAvail,
  readSubjectAltName,
  readSubjectKeyIdentifier,
} from '../../x509/extensions.ts';
import { DIRECTORY_NAME_TAG, type GeneralName } from '../../x509/general-name.ts';
import { type NameConstraints, readNameConstraints } from '../../x509/name-constraints.ts';
import { rdnKeys } from '../../x509/name-match.ts';
import { OID } from '../../x509/oids.ts';
import {
  type PolicyConstraints,
  type PolicyMapping,
  readCertificatePolicies,
  readInhibitAnyPolicy,
  readPolicyConstraints,
  readPolicyMappings,
} from '../../x509/policies.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';

/** `undefined`: absent, or broken and then among `broken`. */
export interface DecodedExtensions {
  readonly authorityInfoAccess: AuthorityInfoAccess | undefined;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extKeyUsage: readonly string[] | undefined;
  readonly subjectAltName: readonly GeneralName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly certificatePolicies: readonly string[] | undefined;
  readonly policyMappings: readonly PolicyMapping[] | undefined;
  readonly policyConstraints: PolicyConstraints | undefined;
  readonly inhibitAnyPolicy: number | undefined;
  readonly distributionPoints: readonly DistributionPoint[] | undefined;
  readonly subjectKeyIdentifier: Bytes | undefined;
  readonly authorityKeyIdentifier: Bytes | undefined;
  readonly noRevAvail: true | undefined;
  readonly broken: readonly { readonly id: string; readonly reason: string }[];
}

export class Candidate {
  readonly certificate: Certificate;
  readonly subjectRdns: readonly string[];
  readonly subjectKey: string;
  readonly issuerKey: string;
  #decoded: DecodedExtensions | undefined;
  #publicKey: PublicKey | { readonly fault: string } | undefined;

  /** Throws `malformed_certificate` or `malformed_der`. */
  constructor(der: Bytes) {
    this.certificate = readCertificate(der, 'either');
    this.subjectRdns = rdnKeys(this.certificate.subject);
    this.subjectKey = this.subjectRdns.join('');
    this.issuerKey = rdnKeys(this.certificate.issuer).join('');
  }

  /** `undefined` where the octets are no certificate that we can read. */
  static tryRead(der: Bytes): Candidate | undefined {
    try {
      return new Candidate(der);
    } catch (error) {
      if (isChanceryError(error)) return undefined;
      throw error;
    }
  }

  /** Issuer and subject are the same name (RFC 5280 3.2). */
  get selfIssued(): boolean {
    return this.subjectKey === this.issuerKey;
  }

  get decoded(): DecodedExtensions {
    return (this.#decoded ??= decode(this.certificate));
  }

  get isCa(): boolean {
    return this.decoded.basicConstraints?.ca === true;
  }

  /** The public key, or why it cannot be used. */
  get publicKey(): PublicKey | { readonly fault: string } {
    return (this.#publicKey ??= readKey(this.certificate.spki));
  }
}

function readKey(spki: Bytes): PublicKey | { fault: string } {
  try {
    return readPublicKey(spki);
  } catch (error) {
    if (isChanceryError(error)) return { fault: error.message };
    throw error;
  }
}

function decode(certificate: Certificate): DecodedExtensions {
  const broken: { id: string; reason: string }[] = [];
  const read = <T>(id: string, reader: (value: Bytes) => T): T | undefined => {
    const extension = findExtension(certificate, id);
    if (extension === undefined) return undefined;
    try {
      return reader(extension.value);
    } catch (error) {
      if (!isChanceryError(error)) throw error;
      broken.push({ id, reason: error.message });
      return undefined;
    }
  };
  return {
    authorityInfoAccess: read(OID.authorityInfoAccess, readAuthorityInfoAccess),
    basicConstraints: read(OID.basicConstraints, readBasicConstraints),
    keyUsage: read(OID.keyUsage, readKeyUsage),
    extKeyUsage: read(OID.extKeyUsage, readExtKeyUsage),
    subjectAltName: read(OID.subjectAltName, readNames),
    nameConstraints: read(OID.nameConstraints, readNameConstraints),
    certificatePolicies: read(OID.certificatePolicies, readCertificatePolicies),
    policyMappings: read(OID.policyMappings, readPolicyMappings),
    policyConstraints: read(OID.policyConstraints, readPolicyConstraints),
    inhibitAnyPolicy: read(OID.inhibitAnyPolicy, readInhibitAnyPolicy),
    distributionPoints: read(OID.cRLDistributionPoints, (value) =>
      readDistributionPoints(value, certificate.issuer),
    ),
    subjectKeyIdentifier: read(OID.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyIdentifier: read(OID.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    noRevAvail: read(OID.noRevAvail, readNoRevAvail),
    broken,
  };
}

/** The names, where those that are directory names can be compared. */
function readNames(value: Bytes): GeneralName[] {
  const names = readSubjectAltName(value);
  for (const name of names) if (name.kind === 'other' && name.tag === DIRECTORY_NAME_TAG) rdnKeys(name.value);
  return names;
}
