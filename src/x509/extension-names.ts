/** Names of extensions for people: those that are read here, and those that are only met in other people's certificates. */
import { OID, oidName } from './oids.ts';

const FOREIGN: Readonly<Record<string, string>> = {
  '2.5.29.9': 'subjectDirectoryAttributes',
  '2.5.29.16': 'privateKeyUsagePeriod',
  '1.3.6.1.5.5.7.1.3': 'qcStatements',
  '1.3.6.1.5.5.7.1.7': 'ipAddrBlocks',
  '1.3.6.1.5.5.7.1.11': 'subjectInfoAccess',
  '1.3.6.1.5.5.7.1.24': 'tlsFeature',
  '1.3.6.1.5.5.7.1.31': 'acmeIdentifier',
  '1.3.6.1.4.1.11129.2.4.2': 'signedCertificateTimestamps',
  '1.3.6.1.4.1.11129.2.4.3': 'precertificatePoison',
  '1.3.6.1.4.1.311.20.2': 'Microsoft certificate template name',
  '1.3.6.1.4.1.311.21.1': 'Microsoft CA version',
  '1.3.6.1.4.1.311.21.7': 'Microsoft certificate template',
  '1.3.6.1.4.1.311.21.10': 'Microsoft application policies',
  '1.3.6.1.4.1.311.25.2': 'Microsoft security identifier',
  '1.3.6.1.4.1.37476.9000.64.1': 'step provisioner',
  '1.3.6.1.4.1.44363.44': 'delegationUsage',
  '2.16.840.1.113730.1.1': 'Netscape certificate type',
  '2.16.840.1.113730.1.13': 'Netscape comment',
  '2.23.140.3.1': 'cabfOrganizationIdentifier',
};

/** A name, or the dotted identifier. */
export const extensionName = (id: string): string => FOREIGN[id] ?? oidName(id);

const READ: ReadonlySet<string> = new Set<string>([
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.basicConstraints,
  OID.subjectAltName,
  OID.certificatePolicies,
  OID.cRLDistributionPoints,
  OID.authorityInfoAccess,
  OID.noRevAvail,
]);

/** Whether its content is shown by a field of its own. */
export const hasOwnReader = (id: string): boolean => READ.has(id);
