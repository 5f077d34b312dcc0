/** tls-alpn-01 (RFC 8737, for IP addresses RFC 8738 6): a certificate shown in a handshake of a protocol of its own. */
import type { TLSSocket } from 'node:tls';
import type { ValidationAsk, ValidationIdentifier } from '../domain/acme/validation-port.ts';
import { fromAscii, sha256 } from '../x509/bytes.ts';
import { parseIp } from '../x509/ip.ts';
import { acmeCertificateFault } from './acme-certificate.ts';
import { connectForTls, farewell, handshake } from './connect.ts';
import type { Lookup } from './dns/lookup.ts';
import type { DnsSource } from './dns/resolve.ts';
import { formatPeer, ProbeFault } from './fault.ts';
import { connectToHost } from './targets.ts';

const PROTOCOL = 'acme-tls/1';

/** Resolves to the peer that showed the certificate. Rejects with a ProbeFault, or with the scope's reason. */
export async function probeTlsAlpn01(
  { identifier, keyAuthorization }: ValidationAsk,
  tlsPort: number,
  source: DnsSource,
  lookup: Lookup,
): Promise<string> {
  const tls = { servername: serverName(identifier), ALPNProtocols: [PROTOCOL] };
  const { socket, address } = await connectToHost(
    identifier.value,
    tlsPort,
    (...to) => connectForTls(...to, tls),
    source,
    lookup,
  );
  const peer = formatPeer(address, tlsPort);
  const target = `${PROTOCOL} ${identifier.value}`;
  try {
    await handshake(socket, lookup.scope);
    judge(socket, identifier, sha256(fromAscii(keyAuthorization)));
    lookup.journal.add('tls', target, `${socket.getProtocol() ?? ''}, the certificate is right`, peer);
    await farewell(socket);
    return peer;
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
    lookup.journal.add('tls', target, error.message, peer);
    throw new ProbeFault(error.type, `${identifier.value} at ${peer}: ${error.message}`, {
      retry: error.retry,
    });
  } finally {
    socket.destroy();
  }
}

function judge(socket: TLSSocket, identifier: ValidationIdentifier, digest: Uint8Array): void {
  if (socket.alpnProtocol !== PROTOCOL)
    throw new ProbeFault('tls', `the server did not negotiate the ALPN protocol ${PROTOCOL}`);
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new ProbeFault('tls', 'the server showed no certificate');
  const fault = acmeCertificateFault(certificate.raw, identifier, digest);
  if (fault !== undefined)
    throw new ProbeFault('incorrectResponse', `the certificate is not the one that was asked for: ${fault}`);
}

/** SNI takes names only: for an address that of its reverse zone (RFC 8738 6, RFC 1035 3.5, RFC 3596 2.5). */
export function serverName({ type, value }: ValidationIdentifier): string {
  const octets = type === 'ip' ? parseIp(value) : undefined;
  if (octets === undefined) return value;
  if (octets.length === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...octets].flatMap((octet) => [octet >> 4, octet & 0xf]);
  return `${nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join('.')}.ip6.arpa`;
}
