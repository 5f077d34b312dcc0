/** What is said where a root cannot do what it was asked for. */
import { formatInstant } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import type { Generation, Root } from '../domain/issuance/issuer.ts';
import type { CaReason } from '../domain/revocation/ca-revocation.ts';
import { formatSerial } from '../x509/certificate.ts';

export const offline = ({ name }: Root, what: string): ChanceryError =>
  new ChanceryError('root_offline', {
    message: `the key of ${name} is not here: ${what}`,
    rule: 'the key of an offline root is never in the data folder',
    fix: 'There: chancery ca make-root; then here: chancery ca import-root.',
  });

export const cannotRevoke = ({ name }: Root, { certificate }: Generation, reason: CaReason): ChanceryError =>
  new ChanceryError('root_offline', {
    message: `the key of ${name} is not here: its CRL is signed where that is`,
    rule: 'a root revokes what it signed, and the key of an offline root is never in the data folder',
    fix: `There: chancery ca sign-crl --revoke ${formatSerial(certificate.serial)}:${reason} …; then here: chancery ca import-crl.`,
  });

export const revokedAlready = ({ id, revokedAt }: Generation): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `${id} was revoked by its root at ${formatInstant(revokedAt ?? 0)}`,
    rule: 'what is revoked stays revoked, with its time and reason',
    fix: 'See `chancery issuer show NAME`.',
  });

export const rootPreparedAlready = (name: string): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `${name} is prepared already`,
    rule: 'a line of roots has one that is next',
    fix: `Activate it when everybody has it: \`chancery ca activate ${name}\`.`,
  });

export const misnamed = (name: string, line: string): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `${name} is no name for the next root of ${line}`,
    rule: `the roots of a line are ${line}, ${line}-r2, ${line}-r3, …, with rising numbers`,
    fix: 'Make it again with a higher number: chancery ca make-root --number N.',
  });

export const ranOut = (name: string): ChanceryError =>
  new ChanceryError('not_ready', {
    message: `no CRL of ${name} is valid now`,
    rule: 'RFC 5280 5.1.2.5: a CRL is not used after its nextUpdate',
    fix: 'Of an offline root: chancery ca sign-crl, then chancery ca import-crl.',
    retryAfter: 60,
  });

export const takesBack = (root: string, generations: readonly Pick<Generation, 'id'>[]): ChanceryError =>
  new ChanceryError('chain_rejected', {
    message: `the CRL of ${root} does not name ${generations.map(({ id }) => id).join(', ')}, which ${root} had revoked`,
    rule: 'RFC 5280 3.3: an entry stays until a regular CRL after its certificate’s expiry named it',
    fix: 'Sign it again from the newest CRL: chancery ca sign-crl.',
  });
