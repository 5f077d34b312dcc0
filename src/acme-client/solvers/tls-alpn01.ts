/** tls-alpn-01 (RFC 8737) on a listener of our own: a self-signed certificate for each name, for nothing else. */
import { type AddressInfo, isIP } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';
import { DAY, type Clock, floorToSecond, MINUTE } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { fromUtf8, sha256 } from '../../x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../x509/certificate.ts';
import { octetString } from '../../x509/der.ts';
import { subjectAltName } from '../../x509/extensions.ts';
import { parseIp } from '../../x509/ip.ts';
import { exportPkcs8, generateKeyPair, signWith } from '../../x509/key-pair.ts';
import { commonName, encodeName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { encodePem } from '../../x509/pem.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { Solver, Task } from '../order.ts';
import type { Listen } from './http01.ts';

const PROTOCOL = 'acme-tls/1';

export class TlsAlpn01Listener implements Solver {
  readonly type = 'tls-alpn-01';
  readonly #options: { readonly listen: Listen; readonly clock: Clock; readonly random: Random };
  readonly #contexts = new Map<string, SecureContext>();
  #server: Promise<Server> | undefined;

  constructor(options: { readonly listen: Listen; readonly clock: Clock; readonly random: Random }) {
    this.#options = options;
  }

  suits = (_: unknown, wildcard: boolean): boolean => !wildcard;

  /** Where it listens; for tests with port 0. */
  async port(): Promise<number | undefined> {
    return ((await this.#server)?.address() as AddressInfo | undefined)?.port;
  }

  async present(task: Task): Promise<void> {
    this.#contexts.set(serverName(task), await this.#context(task));
    this.#server ??= this.#open();
    try {
      await this.#server;
    } catch (error) {
      this.#server = undefined;
      this.#contexts.delete(serverName(task));
      throw error;
    }
  }

  async remove(task: Task): Promise<void> {
    this.#contexts.delete(serverName(task));
    if (this.#contexts.size > 0 || this.#server === undefined) return;
    const closing = this.#server;
    this.#server = undefined;
    const server = await closing;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** RFC 8737 3: one name, acmeIdentifier critical, the digest of the key authorization. */
  async #context({ identifier, keyAuthorization }: Task): Promise<SecureContext> {
    const { clock, random } = this.#options;
    const { privateKey, publicKey } = await generateKeyPair('ecdsa-p256');
    const algorithm = signatureAlgorithmFor(publicKey.type).identifier;
    const now = floorToSecond(clock.now());
    const subject = encodeName([commonName('ACME challenge')]);
    const tbs = encodeTbsCertificate({
      serial: Buffer.concat([Buffer.from([0x40]), random.bytes(15)]),
      signatureAlgorithm: algorithm,
      issuer: subject,
      notBefore: now - 5 * MINUTE,
      notAfter: now + DAY,
      subject,
      spki: publicKey.spki,
      extensions: [
        subjectAltName([{ kind: identifier.type, value: identifier.value }], false),
        {
          id: OID.acmeIdentifier,
          critical: true,
          value: octetString(sha256(fromUtf8(keyAuthorization))),
        },
      ],
    });
    const der = assembleCertificate(tbs, algorithm, signWith({ privateKey, publicKey }, tbs));
    return createSecureContext({
      cert: encodePem('CERTIFICATE', der),
      key: encodePem('PRIVATE KEY', exportPkcs8(privateKey)),
      minVersion: 'TLSv1.2',
    });
  }

  #open(): Promise<Server> {
    const server = createServer(
      {
        // who does not ask for a validation gets no handshake
        ALPNCallback: ({ protocols }) => (protocols.includes(PROTOCOL) ? PROTOCOL : undefined),
        SNICallback: (name, done) => done(null, this.#contexts.get(name.toLowerCase())),
        handshakeTimeout: 5000,
        minVersion: 'TLSv1.2',
      },
      (socket) => socket.on('error', () => undefined).end(),
    );
    server.on('tlsClientError', () => undefined);
    server.maxConnections = 100;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.listen.port, this.#options.listen.host, () => {
        server.off('error', reject);
        resolve(server);
      });
    });
  }
}

/** RFC 8738 6: an address is asked for by its reverse name. */
function serverName({ identifier: { type, value } }: Task): string {
  if (type === 'dns') return value.toLowerCase();
  const octets = parseIp(value) ?? new Uint8Array(0);
  if (isIP(value) === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...Buffer.from(octets).toString('hex')].reverse().join('.');
  return `${nibbles}.ip6.arpa`;
}
