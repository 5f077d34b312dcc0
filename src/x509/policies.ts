/** Certificate policies and what constrains them (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11, 4.2.1.14). */
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from './bytes.ts';
import { context, DerReader, readOid, readSmallInteger, TAG } from './der.ts';

const MAX_POLICIES = 100;

/** The policy identifiers; qualifiers are left out. */
export function readCertificatePolicies(value: Bytes): string[] {
  const policies = DerReader.sequence(value, 'certificatePolicies')
    .rest('certificatePolicies', MAX_POLICIES)
    .map(({ raw }) => {
      const reader = DerReader.sequence(raw, 'PolicyInformation');
      const id = readOid(reader.next('policyIdentifier'), 'policyIdentifier');
      reader.optional(TAG.sequence, 'policyQualifiers');
      reader.end('PolicyInformation');
      return id;
    });
  if (policies.length === 0) throw malformed('certificatePolicies is empty', 'RFC 5280 4.2.1.4');
  if (new Set(policies).size !== policies.length)
    throw malformed('certificatePolicies names a policy twice', 'RFC 5280 4.2.1.4');
  return policies;
}

export interface PolicyMapping {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
}

export function readPolicyMappings(value: Bytes): PolicyMapping[] {
  const mappings = DerReader.sequence(value, 'policyMappings')
    .rest('policyMappings', MAX_POLICIES)
    .map(({ raw }) => {
      const reader = DerReader.sequence(raw, 'policy mapping');
      const issuerDomainPolicy = readOid(reader.next('issuerDomainPolicy'), 'issuerDomainPolicy');
      const subjectDomainPolicy = readOid(reader.next('subjectDomainPolicy'), 'subjectDomainPolicy');
      reader.end('policy mapping');
      return { issuerDomainPolicy, subjectDomainPolicy };
    });
  if (mappings.length === 0) throw malformed('policyMappings is empty', 'RFC 5280 4.2.1.5');
  return mappings;
}

export interface PolicyConstraints {
  /** How many more certificates may follow before a policy must be named. */
  readonly requireExplicitPolicy?: number;
  readonly inhibitPolicyMapping?: number;
}

export function readPolicyConstraints(value: Bytes): PolicyConstraints {
  const reader = DerReader.sequence(value, 'policyConstraints');
  const explicit = reader.optional(context(0), 'requireExplicitPolicy');
  const mapping = reader.optional(context(1), 'inhibitPolicyMapping');
  reader.end('policyConstraints');
  if (explicit === undefined && mapping === undefined)
    throw malformed('policyConstraints is empty', 'RFC 5280 4.2.1.11');
  return {
    ...(explicit === undefined
      ? {}
      : { requireExplicitPolicy: readSkip(explicit.content, 'requireExplicitPolicy') }),
    ...(mapping === undefined
      ? {}
      : { inhibitPolicyMapping: readSkip(mapping.content, 'inhibitPolicyMapping') }),
  };
}

/** SkipCerts under an implicit tag. */
const readSkip = (content: Bytes, what: string): number =>
  readSmallInteger({ tag: TAG.integer, content, raw: content }, what);

export function readInhibitAnyPolicy(value: Bytes): number {
  const reader = new DerReader(value);
  const skip = readSmallInteger(reader.next('inhibitAnyPolicy'), 'inhibitAnyPolicy');
  reader.end('inhibitAnyPolicy');
  return skip;
}

const malformed = (message: string, rule: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule, fix: 'Have the certificate issued again.' });
