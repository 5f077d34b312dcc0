/**
 * Step 4 of the pipeline: the rules that the octets must keep before they are signed, in the order in which they are
 * asked. General linters leave out half of the faults that path validators let pass (nesting, criticality of keyUsage,
 * two URIs, dot segments), so every rule stands here.
 */
import { isChanceryError } from '../../../base/errors.ts';
import { type Check, decode, type Decoded, type Lint, type LintSubject } from './context.ts';
import * as extensions from './extensions.ts';
import * as fields from './fields.ts';
import * as names from './names.ts';
import * as responder from './responder.ts';

export type { LintContext, LintIssuer, LintRules, LintSubject } from './context.ts';

const lint = (name: string, source: string, check: Check): Lint => ({ lint: name, source, check });

const COMMON: readonly Lint[] = [
  lint('version', 'RFC 5280 4.1.2.1: version 3', fields.versionIsThree),
  lint('serial_positive', 'RFC 5280 4.1.2.2: a positive integer', fields.serialIsPositive),
  lint('serial_length', 'RFC 5280 4.1.2.2: at most 20 octets', fields.serialFits),
  lint('serial_entropy', 'BR 7.1: at least 64 bits of CSPRNG output', fields.serialHasEntropy),
  lint('signature_algorithm', 'RFC 5280 4.1.1.2, RFC 5758', fields.signatureAlgorithmIsKnown),
  lint('signature_algorithm_issuer', 'RFC 5280 4.1.1.2', fields.signatureAlgorithmFitsIssuer),
  lint('issuer_empty', 'RFC 5280 4.1.2.4: a non-empty name', fields.issuerIsNamed),
  lint('issuer_name', 'RFC 5280 4.1.2.4, 6.1.3 (a)(4): the subject of the issuer', fields.issuerIsTheSigner),
  lint('validity_order', 'RFC 5280 4.1.2.5', fields.validityIsAnInterval),
  lint('validity_within_issuer', 'a certificate does not outlive its issuer', fields.validityIsWithinIssuer),
  lint('unique_ids', 'RFC 5280 4.1.2.8: none', fields.hasNoUniqueIds),
  lint('key_proved', 'RFC 2986: the key whose possession was proved', fields.keyIsTheRequested),
  lint('key_strength', 'SP 800-57, BR 6.1.6: no weak keys', fields.keyIsStrong),
  lint('extension_twice', 'RFC 5280 4.2: one of each', extensions.areUnique),
  lint('extension_unknown', 'RFC 5280 4.2: none that is not understood', extensions.areKnown),
  lint('extension_encoding', 'RFC 5280 4.2.1', extensions.areReadable),
  lint('extension_criticality', 'RFC 5280 4.2.1, X509-SVID 4', extensions.areAsCriticalAsTheyMust),
  lint('authority_key_identifier', 'RFC 5280 4.2.1.1', extensions.namesItsIssuersKey),
  lint('subject_key_identifier', 'RFC 5280 4.2.1.2', extensions.namesItsOwnKey),
  lint(
    'no_rev_avail',
    'RFC 9608 2, 3: in leaves, without CRL and OCSP responder',
    extensions.noRevAvailIsConsistent,
  ),
  lint(
    'name_kinds',
    'RFC 5280 4.2.1.6: uniformResourceIdentifier, dNSName, iPAddress or rfc822Name',
    names.areOfKnownKinds,
  ),
  lint('trust_domain', 'SPIFFE-ID 2.1: one server is one trust domain', names.urisAreOfTheTrustDomain),
  lint(
    'name_constraints',
    'RFC 5280 4.2.1.10: names that the issuer may certify',
    names.areWithinConstraints,
  ),
];

const LEAF: readonly Lint[] = [
  ...COMMON,
  lint('valid_now', 'RFC 5280 4.1.2.5', fields.isValidNow),
  lint('life', 'the profile’s maxTtl', fields.lifeFitsProfile),
  lint('backdate', 'the profile’s backdate', fields.backdateFitsProfile),
  lint('key_type', 'the profile’s keyTypes', fields.keyTypeFitsProfile),
  lint('key_of_issuer', 'a CA key serves its CA alone', fields.keyIsNotTheIssuers),
  lint('leaf_ca', 'RFC 5280 4.2.1.9, X509-SVID 4.1', extensions.leafHasNoCa),
  lint('leaf_key_usage', 'RFC 5280 4.2.1.3, X509-SVID 4.3', extensions.leafHasKeyUsage),
  lint('leaf_key_usage_ca', 'RFC 5280 4.2.1.3, X509-SVID 4.3', extensions.leafSignsNoCertificates),
  lint('leaf_ext_key_usage', 'RFC 5280 4.2.1.12, BR 7.1.2.7.10', extensions.leafHasExtKeyUsage),
  lint(
    'ext_key_usage_profile',
    'the profile’s extendedKeyUsage, X509-SVID 4.4',
    extensions.extKeyUsageFitsProfile,
  ),
  lint('no_rev_avail_profile', 'the profile’s noRevAvail', extensions.noRevAvailFitsProfile),
  lint('names_present', 'RFC 5280 4.2.1.6, X509-SVID 2', names.areThere),
  lint('dns_names', 'RFC 5280 4.2.1.6, RFC 1123, RFC 5890', names.hostNamesAreProper),
  lint('email_addresses', 'RFC 5280 4.2.1.6: rfc822Name in ASCII', names.emailAddressesAreProper),
  lint('spiffe_ids', 'SPIFFE-ID 2', names.urisAreSpiffeIds),
  lint('one_uri', 'X509-SVID 2: exactly one URI', names.atMostOneUri),
  lint('name_counts', 'the profile’s names', names.countsFitProfile),
  lint('common_name', 'BR 7.1.4.3: one of the names', names.commonNameIsAmongThem),
];

/** What holds for leaves that this authority issues, on top of the rules for everybody's. */
const LEAF_HERE: readonly Lint[] = [
  ...LEAF,
  lint(
    'status_urls',
    'every leaf says where its CRL, OCSP responder and issuer certificate are, or that there is no status',
    extensions.saysWhereStatusIs,
  ),
];

const LEAF_ELSEWHERE: readonly Lint[] = LEAF.map((one) =>
  one.check === extensions.areKnown ? { ...one, check: extensions.criticalOnesAreKnown } : one,
);

const CA: readonly Lint[] = [
  ...COMMON,
  lint('ca_basic_constraints', 'RFC 5280 4.2.1.9', extensions.caIsACa),
  lint('ca_key_usage', 'RFC 5280 4.2.1.3', extensions.caSigns),
  lint('ca_subject', 'RFC 5280 4.1.2.6', extensions.caHasASubject),
  lint(
    'ca_trust_domain',
    'X509-SVID 3.2: a signing certificate’s ID has no path',
    names.caUrisAreTrustDomains,
  ),
];

const RESPONDER: readonly Lint[] = [
  ...COMMON.map((one) =>
    one.check === extensions.areKnown ? { ...one, check: responder.responderExtensionsAreKnown } : one,
  ),
  ...LEAF.filter(({ check }) =>
    [
      fields.isValidNow,
      fields.keyIsNotTheIssuers,
      extensions.leafHasNoCa,
      extensions.leafHasKeyUsage,
      extensions.leafSignsNoCertificates,
    ].includes(check),
  ),
  lint('responder_ext_key_usage', 'RFC 6960 4.2.2.2: id-kp-OCSPSigning', responder.responderSignsAnswersOnly),
  lint('responder_no_check', 'RFC 6960 4.2.2.2.1: id-pkix-ocsp-nocheck', responder.responderIsNotChecked),
  lint('responder_life', 'RFC 6960 4.2.2.2.1: short-lived', responder.responderLivesShort),
];

/** Every rule in its order, for the reference. */
export const LINTS: readonly Lint[] = [
  ...new Map([...LEAF_HERE, ...CA, ...RESPONDER].map((one) => [one.lint, one])).values(),
];

export interface Finding {
  readonly lint: string;
  readonly source: string;
  readonly message: string;
}

function run(lints: readonly Lint[], subject: LintSubject): Finding[] {
  const decoded = decode(subject.certificate);
  const findings: Finding[] = [];
  for (const { lint: name, source, check } of lints) {
    const message = ask(check, subject, decoded);
    if (message !== undefined) findings.push({ lint: name, source, message });
  }
  return findings;
}

/** A part that a check cannot even read breaks its rule. */
function ask(check: Check, subject: LintSubject, decoded: Decoded): string | undefined {
  try {
    return check(subject, decoded);
  } catch (error) {
    if (isChanceryError(error)) return error.message;
    throw error;
  }
}

/** Every broken rule of a leaf that is about to be signed here. */
export const lintCertificate = (subject: LintSubject): Finding[] => run(LEAF_HERE, subject);

/** Every broken rule of a leaf from anywhere. Others may issue extensions that we do not, as long as none is critical. */
export const lintForeignCertificate = (subject: LintSubject): Finding[] => run(LEAF_ELSEWHERE, subject);

/** Every broken rule of a CA certificate. */
export const lintCaCertificate = (subject: LintSubject): Finding[] => run(CA, subject);

/** Every broken rule of a certificate that is to answer OCSP. */
export const lintResponderCertificate = (subject: LintSubject): Finding[] => run(RESPONDER, subject);
