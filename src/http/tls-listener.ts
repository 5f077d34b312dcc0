/** The HTTPS listener: AEAD suites only, client certificates welcome, its own pair exchanged without losing a request. */
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';

/** One generation of the listener's own credentials and of the CAs whose client certificates TLS verifies. */
export interface ListenerCredentials {
  /** PKCS#8 PEM. */
  readonly key: string;
  /** Leaf and issuing CA, PEM. */
  readonly certificate: string;
  /** Roots and generations for client certificates, PEM each. */
  readonly clientCas: readonly string[];
}

/** TLS 1.3's suites and the AEAD ones of TLS 1.2 with forward secrecy: no CBC, no static RSA. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const secureContext = ({ key, certificate, clientCas }: ListenerCredentials) => ({
  key,
  cert: certificate,
  // without `ca` a later setSecureContext would lock every client out
  ca: [...clientCas],
  ciphers: CIPHERS,
  honorCipherOrder: true,
  minVersion: 'TLSv1.2' as const,
});

/** Slow clients are cut off: headers within 10 s, a whole request within 30 s, looked at every 5 s. */
export const SLOW_CLIENT_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
};

export interface TlsListener {
  readonly server: Server;
  /** New connections use these from now on; open ones go on. */
  rotate(credentials: ListenerCredentials): void;
}

export function createTlsListener(credentials: ListenerCredentials, listener: RequestListener): TlsListener {
  const server = createServer(
    {
      ...SLOW_CLIENT_LIMITS,
      ...secureContext(credentials),
      requestCert: true,
      // a client without a certificate, or with one of somebody else's, gets an answer that says so
      rejectUnauthorized: false,
      handshakeTimeout: 10_000,
      ALPNProtocols: ['http/1.1'],
    },
    listener,
  );
  return { server, rotate: (next) => server.setSecureContext(secureContext(next)) };
}
