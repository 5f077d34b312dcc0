/** What is asked of a certification path, and what is answered. */
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { NameKind } from '../../x509/general-name.ts';

/** The name that the leaf is expected to carry. Compared with its subjectAltName alone, never with a commonName. */
export interface ExpectedName {
  readonly kind: NameKind;
  readonly value: string;
}

export type Purpose = 'server' | 'client';

/** The inputs of RFC 5280 6.1.1 (c) to (g). Left out: any policy will do. */
export interface PolicyInputs {
  /** The user-initial-policy-set, dotted. Left out: any policy. */
  readonly initial?: readonly string[];
  readonly requireExplicit?: boolean;
  readonly inhibitMapping?: boolean;
  readonly inhibitAny?: boolean;
}

export interface PathRequest {
  readonly leaf: Bytes;
  /** Certificates that may be needed in between. What cannot be read among them is left aside. */
  readonly untrusted: readonly Bytes[];
  readonly anchors: readonly Bytes[];
  readonly at: Instant;
  readonly name?: ExpectedName | undefined;
  /** Asks for the TLS profile (tls-profile.ts) on top of RFC 5280. */
  readonly purpose?: Purpose | undefined;
  readonly crls?: readonly Bytes[] | undefined;
  /**
   * `given` (default): an issuer of which no CRL was handed in is not asked, one of which all are stale, badly signed
   * or out of scope fails the path. `required`: every certificate below the anchor needs a CRL.
   */
  readonly revocation?: 'given' | 'required' | undefined;
  readonly policies?: PolicyInputs | undefined;
  /** How many intermediates, self-issued ones not counted, may stand between leaf and anchor. */
  readonly maxIntermediates?: number | undefined;
}

/** Stable names of everything that can be wrong with a path. */
export type PathFault =
  | 'malformed_certificate'
  | 'no_path'
  | 'search_limit'
  | 'path_too_long'
  | 'algorithms_differ'
  | 'unsupported_algorithm'
  | 'bad_signature'
  | 'unsupported_key'
  | 'version'
  | 'serial_number'
  | 'not_yet_valid'
  | 'expired'
  | 'empty_issuer'
  | 'empty_subject'
  | 'duplicate_extension'
  | 'unknown_critical_extension'
  | 'malformed_extension'
  | 'wrong_criticality'
  | 'missing_extension'
  | 'not_a_ca'
  | 'path_length'
  | 'key_usage'
  | 'misplaced_extension'
  | 'malformed_name'
  | 'name_constraints'
  | 'policy'
  | 'extended_key_usage'
  | 'tls_profile'
  | 'name_mismatch'
  | 'revoked'
  | 'crl_missing'
  | 'crl_unusable'
  | 'crl_scope';

export interface Fault {
  readonly code: PathFault;
  /** One sentence with the offending value. */
  readonly reason: string;
  /** Where the rule stands. */
  readonly rule: string;
}

/** `not-published`: the certificate has noRevAvail (RFC 9608), and no list that was given has it. */
export type RevocationStatus = 'good' | 'not-checked' | 'not-published' | 'anchor';

/** A path that holds: leaf first, anchor last, with what the CRLs say of each. */
export interface ValidPath {
  readonly valid: true;
  readonly chain: readonly Certificate[];
  readonly revocation: readonly RevocationStatus[];
}

export interface InvalidPath extends Fault {
  readonly valid: false;
  /** The certificate at fault, where one is. */
  readonly certificate: Certificate | undefined;
  /** The most promising path that was looked at, leaf first; it may end before an anchor. */
  readonly chain: readonly Certificate[];
}

export type PathResult = ValidPath | InvalidPath;
