/** revokeCert (RFC 8555 7.6): by the account that ordered it, one that speaks for all its names, or the certificate's key. */
import { isChanceryError } from '../../base/errors.ts';
import { sha256, toHex } from '../../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../../x509/certificate.ts';
import { strictBase64Url } from '../../x509/jws.ts';
import type { Name } from '../identity/names.ts';
import type { Principal } from '../identity/principal.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import type { AcmeAccount } from './account.ts';
import { authorizationStatus } from './authorization.ts';
import { type AcmePorts, type AcmeReply, principalOf, vouching } from './context.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeRequest, malformed, requirePayload } from './request.ts';

/** RFC 5280 5.3.1 reasons of a leaf: no CA's, no hold, nothing that is taken back. */
const KEY_COMPROMISE = 1;
const REASONS: ReadonlySet<unknown> = new Set([0, 1, 3, 4, 5, 9]);

export async function revokeCertificate(ports: AcmePorts, request: AcmeRequest): Promise<AcmeReply> {
  const { call } = request;
  const { certificate: text, reason = 0 } = requirePayload(request) as {
    readonly certificate?: unknown;
    readonly reason?: unknown;
  };
  const found = findCertificate(ports, request, text);
  const principal = whoMayRevoke(ports, request, found);
  const holdsKey = request.account === undefined;
  if (!REASONS.has(reason))
    throw new AcmeProblem(
      'badRevocationReason',
      `the reason ${JSON.stringify(reason).slice(0, 40)} is none of ${[...REASONS].join(', ')} (RFC 8555 7.6)`,
    );
  const result =
    // who shows that the key leaked is heard also after a harmless reason
    found.revokedAt === null || (holdsKey && reason === KEY_COMPROMISE)
      ? await ports.revoker.revoke(found.serial, reason as number, { principal, door: call.door, holdsKey })
      : 'already';
  if (result === 'already')
    throw new AcmeProblem('alreadyRevoked', 'the certificate is revoked (RFC 8555 7.6)');
  return { status: 200 };
}

/** The certificate, octet by octet one that this directory's issuer signed. */
function findCertificate({ issuance }: AcmePorts, { call }: AcmeRequest, text: unknown): StoredCertificate {
  const der = typeof text === 'string' ? strictBase64Url(text) : undefined;
  if (der === undefined || der.length === 0)
    throw malformed('certificate is not the base64url of a DER certificate');
  let serial: string;
  try {
    serial = formatSerial(readCertificate(der, 'either').serial);
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    throw malformed(`the certificate cannot be read: ${error.message}`);
  }
  const found = issuance.ledger.findCertificate(serial);
  if (found?.issuer !== call.directory.issuer || found.fingerprint !== certificateFingerprint(der))
    throw new AcmeProblem('malformed', {
      detail: 'the certificate is not one of this directory’s issuer (RFC 8555 7.6)',
      status: 404,
    });
  return found;
}

/** Throws `unauthorized`. */
function whoMayRevoke(ports: AcmePorts, request: AcmeRequest, found: StoredCertificate): Principal {
  const { account, key, call } = request;
  if (account === undefined) {
    // the signature was verified with this very key
    if (key.fingerprint === toHex(sha256(readCertificate(found.der).spki)))
      return { kind: 'acme', issuer: call.directory.issuer, account: `key:${found.keyFingerprint}` };
    throw new AcmeProblem('unauthorized', 'the jwk is not the key of the certificate (RFC 8555 7.6)');
  }
  if (
    ports.store.orders.findByCertificate(found.serial)?.account === account.id ||
    found.names.every((name) => speaksFor(ports, account, name))
  )
    return principalOf(ports, account);
  throw new AcmeProblem(
    'unauthorized',
    'the account neither ordered the certificate nor holds valid authorizations for all its names (RFC 8555 7.6)',
  );
}

const LOOKED_AT = 50;

function speaksFor(ports: AcmePorts, account: AcmeAccount, { kind, value }: Name): boolean {
  const wildcard = kind === 'dns' && value.startsWith('*.');
  const name = wildcard ? { kind, value: value.slice(2) } : { kind, value };
  const now = ports.issuance.clock.now();
  const vouches = vouching(ports, now);
  return ports.store.authorizations
    .findForName(account.id, name, LOOKED_AT)
    .some(
      (one) =>
        one.issuer === account.issuer &&
        one.wildcard === wildcard &&
        authorizationStatus(one, now, vouches) === 'valid',
    );
}
