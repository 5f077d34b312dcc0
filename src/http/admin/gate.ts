/** The gate in front of every operation: who asks (step 1), and whether the route's rule lets them in. Deny by default. */
import type { IncomingMessage } from 'node:http';
import { ChanceryError } from '../../base/errors.ts';
import { type Operation, type Route, ROUTES } from '../../api/routes.ts';
import { authenticateCertificate, type LoginRecord } from '../../domain/identity/authenticate.ts';
import { authorizeEverywhere } from '../../domain/identity/authorize.ts';
import { type Door, type Principal, principalId } from '../../domain/identity/principal.ts';
import { authenticateToken } from '../../domain/identity/token-login.ts';
import { parseTokenString } from '../../domain/identity/token-string.ts';
import { sha256 } from '../../x509/bytes.ts';
import { peerOf, presentedCertificate } from '../peer.ts';
import { draft } from './draft.ts';
import type { AdminPorts } from './ports.ts';
import { recordingRefusal } from './recording-refusal.ts';

/**
 * Throws `unauthenticated`, `credential_rejected`, `login_provider_unavailable` or `not_granted`. A login is recorded
 * once per connection. Who calls a public route is not asked.
 */
export async function admit(
  ports: AdminPorts,
  request: IncomingMessage,
  operation: Operation,
  door: Door,
): Promise<Principal> {
  const { rule } = ROUTES[operation] as Route;
  if (rule === 'public') return { kind: 'anonymous' };
  const principal = await authenticate(ports, request, door);
  const { logins } = peerOf(request.socket);
  const id = principalId(principal);
  if (!logins.has(id)) {
    await ports.record([
      draft(ports, 'login', 'allowed', principal, door, {
        serial: principal.kind === 'mtls' ? principal.serial : null,
      }),
    ]);
    // a connection that changes its credential with every request is recorded every time
    if (logins.size < 10) logins.add(id);
  }
  if (rule === 'authenticated') return principal;
  const verb = rule === 'read-everything' ? 'read' : 'admin';
  await recordingRefusal(ports, { principal, door, operation }, () =>
    authorizeEverywhere(ports.grants.of(principal), principal, verb, ports.trustDomain),
  );
  return principal;
}

/** Throws `unauthenticated` or `credential_rejected`; both are counted, not recorded one by one. */
async function authenticate(ports: AdminPorts, request: IncomingMessage, door: Door): Promise<Principal> {
  try {
    const bearer = request.headers.authorization;
    // a credential that was spelled out goes before the one of the connection
    if (bearer !== undefined) return await authenticateBearer(ports, bearer);
    const presented = presentedCertificate(request.socket);
    if (presented === undefined)
      throw new ChanceryError('unauthenticated', {
        message: 'no client certificate was presented',
        rule: 'callers of /api/v1 log in with a client certificate (mTLS) or a token (Authorization: Bearer)',
        fix: 'Use `chancery … --data DIR`, or send a certificate and its chain with the connection.',
      });
    const record = loginRecord(ports, request, presented.serial);
    const principal = authenticateCertificate(presented, record, ports.loginRules, ports.clock.now());
    ports.presented(presented.serial);
    return principal;
  } catch (error) {
    if (error instanceof ChanceryError) ports.refusedAnonymous(error, door.address);
    throw error;
  }
}

/** What a certificate says never changes; whether it was revoked is asked with every request. */
function loginRecord(
  { issuance }: AdminPorts,
  request: IncomingMessage,
  serial: string,
): LoginRecord | undefined {
  const peer = peerOf(request.socket);
  if (peer.record === undefined) return (peer.record = issuance.ledger.findCertificate(serial));
  const revokedAt = issuance.ledger.findRevocation(serial);
  return revokedAt === undefined ? undefined : { ...peer.record, revokedAt };
}

/** Throws `credential_rejected`, in the same words for an unknown and a wrong secret; the message never quotes it. */
function authenticateBearer(ports: AdminPorts, header: string): Principal | Promise<Principal> {
  const credential = BEARER.exec(header)?.[1] ?? '';
  if (credential.startsWith('chy_')) {
    const { secret } = parseTokenString(credential);
    return authenticateToken(ports.tokens.findBySecret(sha256(secret)), ports.clock.now());
  }
  if (credential.includes('.')) return ports.jwt.authenticate(credential);
  throw new ChanceryError('credential_rejected', {
    message: 'the Authorization header holds no credential that is known here',
    rule: 'Authorization: Bearer, then an enrolment token (chy_…) or a JWT of a login provider',
    fix: 'Send the token unchanged.',
  });
}

/** RFC 6750 2.1; the longest that is looked at is a JWT. */
const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]{1,16384})$/i;
