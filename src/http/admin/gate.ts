/** The gate in front of every operation: who asks (step 1), and whether the route's rule lets them in. Deny by default. */
import type { IncomingMessage } from 'node:http';
import { ChanceryError } from '../../base/errors.ts';
import { ROUTES, type Operation } from '../../api/routes.ts';
import { authenticateCertificate } from '../../domain/identity/authenticate.ts';
import { authorizeEverywhere } from '../../domain/identity/authorize.ts';
import { type Door, type Principal, principalId } from '../../domain/identity/principal.ts';
import { authenticateToken } from '../../domain/identity/token-login.ts';
import { parseTokenString } from '../../domain/identity/token-string.ts';
import { sha256 } from '../../x509/bytes.ts';
import { peerOf, presentedCertificate } from '../peer.ts';
import type { AdminPorts } from './ports.ts';

/** Throws `unauthenticated`, `credential_rejected` or `not_granted`. A login is recorded once per connection. */
export async function admit(
  ports: AdminPorts,
  request: IncomingMessage,
  operation: Operation,
  door: Door,
): Promise<Principal> {
  const principal = authenticate(ports, request, door);
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
  const { rule } = ROUTES[operation];
  if (rule === 'authenticated') return principal;
  try {
    authorizeEverywhere(
      ports.grants.all(),
      principal,
      rule === 'read-everything' ? 'read' : 'admin',
      ports.trustDomain,
    );
  } catch (error) {
    if (error instanceof ChanceryError)
      await ports.record([
        draft(ports, 'request.refused', 'refused', principal, door, {
          operation,
          code: error.code,
          reason: error.message,
        }),
      ]);
    throw error;
  }
  return principal;
}

/** Throws `unauthenticated` or `credential_rejected`; both are counted, not recorded one by one. */
function authenticate(ports: AdminPorts, request: IncomingMessage, door: Door): Principal {
  try {
    const bearer = request.headers.authorization;
    // a credential that was spelled out goes before the one of the connection
    if (bearer !== undefined) return authenticateBearer(ports, bearer);
    const presented = presentedCertificate(request.socket);
    if (presented === undefined)
      throw new ChanceryError('unauthenticated', {
        message: 'no client certificate was presented',
        rule: 'callers of /api/v1 log in with a client certificate (mTLS) or a token (Authorization: Bearer)',
        fix: 'Use `chancery … --data DIR`, or send a certificate and its chain with the connection.',
      });
    const record = ports.issuance.ledger.findCertificate(presented.serial);
    return authenticateCertificate(presented, record, ports.loginRules, ports.clock.now());
  } catch (error) {
    if (error instanceof ChanceryError) ports.refusedAnonymous(error, door.address);
    throw error;
  }
}

/** Throws `credential_rejected`, in the same words for an unknown and a wrong secret. */
function authenticateBearer(ports: AdminPorts, header: string): Principal {
  const credential = /^Bearer ([^ ]{1,4096})$/i.exec(header)?.[1];
  if (credential?.startsWith('chy_') !== true)
    throw new ChanceryError('credential_rejected', {
      message: 'the Authorization header holds no credential that is known here',
      rule: 'Authorization: Bearer chy_…',
      fix: 'Send the token unchanged.',
    });
  const { secret } = parseTokenString(credential);
  return authenticateToken(ports.tokens.findBySecret(sha256(secret)), ports.clock.now());
}

export const draft = (
  ports: Pick<AdminPorts, 'clock'>,
  event:
    | 'login'
    | 'request.refused'
    | 'grant.created'
    | 'grant.deleted'
    | 'private-key.released'
    | 'audit.exported'
    | 'token.created'
    | 'token.revoked',
  outcome: 'allowed' | 'refused',
  principal: Principal,
  door: Door,
  details: Readonly<Record<string, string | number | null | readonly string[]>>,
) => ({
  time: ports.clock.now(),
  event,
  outcome,
  principal: principalId(principal),
  door: door.name,
  requestId: door.requestId,
  ...(door.address === undefined ? {} : { address: door.address }),
  details,
});
