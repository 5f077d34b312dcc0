/**
 * Step 1 of the pipeline for mTLS: from a certificate that TLS has verified to a principal. The handshake is not the
 * judge: a connection outlives a revocation, so every request asks the store again.
 */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { OID } from '../../x509/oids.ts';
import type { Name } from './names.ts';
import type { Principal } from './principal.ts';

/** What the peer presented in the handshake. */
export interface PresentedCertificate {
  readonly serial: string;
  /** SHA-256, hexadecimal. */
  readonly fingerprint: string;
  /** Dotted. */
  readonly extKeyUsage: readonly string[];
}

/** What the store knows of it. */
export interface LoginRecord {
  readonly serial: string;
  readonly fingerprint: string;
  readonly issuer: string;
  readonly generation: string;
  readonly profile: string;
  readonly names: readonly Name[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly revokedAt: Instant | null;
}

export interface LoginRules {
  /** Issuers that are marked `authenticates`. */
  readonly issuers: ReadonlySet<string>;
  /** Profiles whose certificates log in. */
  readonly profiles: ReadonlySet<string>;
  /** Why no certificate of a generation logs in: it `was revoked …`; `undefined` where they do. */
  readonly generationFault: (generation: string, now: Instant) => string | undefined;
}

const rejected = (message: string, rule: string, fix: string): ChanceryError =>
  new ChanceryError('credential_rejected', { message, rule, fix });

/** Throws `credential_rejected`. */
export function authenticateCertificate(
  presented: PresentedCertificate,
  record: LoginRecord | undefined,
  rules: LoginRules,
  now: Instant,
): Principal {
  if (record === undefined || record.fingerprint !== presented.fingerprint)
    throw rejected(
      `the client certificate ${presented.serial} is not in the inventory`,
      'only certificates that this authority issued and recorded log in',
      'Log in with a certificate of this authority.',
    );
  if (record.revokedAt !== null)
    throw rejected(
      `the client certificate ${record.serial} was revoked at ${formatInstant(record.revokedAt)}`,
      'a revoked certificate never logs in',
      'Ask an operator for a new one.',
    );
  const fault = rules.generationFault(record.generation, now);
  if (fault !== undefined)
    throw rejected(
      `the client certificate ${record.serial} was issued by ${record.generation}, and that ${fault}`,
      'a certificate logs in as long as the CA above it is good',
      'Ask an operator for one of another generation.',
    );
  if (now > record.notAfter || now < record.notBefore)
    throw rejected(
      `the client certificate ${record.serial} is valid from ${formatInstant(record.notBefore)} to ${formatInstant(record.notAfter)}`,
      'a certificate logs in while it is valid',
      'Renew before it expires, or ask for a new one.',
    );
  if (!rules.issuers.has(record.issuer))
    throw rejected(
      `the client certificate ${record.serial} is of the issuer ${record.issuer}`,
      `only issuers marked authenticates log in: ${[...rules.issuers].join(', ')}`,
      'Use a workload or client certificate.',
    );
  if (!rules.profiles.has(record.profile) || !presented.extKeyUsage.includes(OID.clientAuth))
    throw rejected(
      `the client certificate ${record.serial} has the profile ${record.profile}`,
      'a server certificate never logs in: the profile allows login and extKeyUsage has clientAuth',
      'Use a workload or client certificate.',
    );
  return { kind: 'mtls', issuer: record.issuer, names: record.names, serial: record.serial };
}
