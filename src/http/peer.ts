/** The client certificate of a connection, read once per socket. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ChanceryError } from '../base/errors.ts';
import type { LoginRecord, PresentedCertificate } from '../domain/identity/authenticate.ts';
import { certificateFingerprint, findExtension, formatSerial, readCertificate } from '../x509/certificate.ts';
import { readExtKeyUsage } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';

interface Peer {
  readonly presented: PresentedCertificate | undefined;
  readonly rejection: string | undefined;
  /** What the store said of the presented certificate, but for its revocation. */
  record: LoginRecord | undefined;
  /** Principals whose login over this connection is on record. */
  readonly logins: Set<string>;
}

const peers = new WeakMap<Socket, Peer>();

export function peerOf(socket: Socket): Peer {
  let peer = peers.get(socket);
  if (peer === undefined) peers.set(socket, (peer = readPeer(socket)));
  return peer;
}

function readPeer(socket: Socket): Peer {
  const none: Peer = { presented: undefined, rejection: undefined, record: undefined, logins: new Set() };
  if (!(socket instanceof TLSSocket)) return none;
  const raw = socket.getPeerX509Certificate()?.raw;
  if (raw === undefined) return none;
  if (!socket.authorized)
    return { ...none, rejection: String(socket.authorizationError ?? 'unknown reason') };
  const certificate = readCertificate(raw);
  const extKeyUsage = findExtension(certificate, OID.extKeyUsage);
  return {
    ...none,
    presented: {
      serial: formatSerial(certificate.serial),
      fingerprint: certificateFingerprint(raw),
      extKeyUsage: extKeyUsage === undefined ? [] : readExtKeyUsage(extKeyUsage.value),
    },
  };
}

/** What the connection presented, `undefined` for nothing. Throws `credential_rejected` for what TLS did not verify. */
export function presentedCertificate(socket: Socket): PresentedCertificate | undefined {
  const { presented, rejection } = peerOf(socket);
  if (rejection === undefined) return presented;
  throw new ChanceryError('credential_rejected', {
    message: `the client certificate was not verified: ${rejection}`,
    rule: 'client certificates chain to an issuer of this authority that is marked authenticates, and are valid now',
    fix: 'Log in with a certificate of this authority, sent with its chain.',
  });
}
