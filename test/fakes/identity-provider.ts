/**
 * A login provider on a port of this host: HTTPS under a root of its own, discovery, keys that can be exchanged, the
 * authorization code flow with PKCE (RFC 6749, 7636) and the device flow (RFC 8628). Whoever comes is logged in.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { basicConstraints, extKeyUsage, keyUsage, subjectAltName } from '../../src/x509/extensions.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { signCertificate } from '../support/authority.ts';
import { makeKey, type SigningKey, signToken, type TokenParts } from '../support/tokens.ts';

export interface IdentityProvider {
  readonly issuer: string;
  /** PEM of the root of its HTTPS. */
  readonly roots: string;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  /** What it publishes; exchange them as a rotation does. */
  keys: SigningKey[];
  /** Answers with this instead, by path. */
  readonly instead: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  /** Laid over the claims of what it hands out itself. */
  claims: Record<string, unknown>;
  /** How often the device flow says `authorization_pending` first. */
  pending: number;
  /** A good token, but for what is said otherwise. A claim that is `undefined` is left out. */
  token(claims?: Readonly<Record<string, unknown>>, parts?: TokenParts, key?: SigningKey): string;
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

export const AUDIENCE = 'chancery';
export const DISCOVERY = '/.well-known/openid-configuration';

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const tls = await credentials();
  let server: Server;
  const asked: string[] = [];
  const instead: IdentityProvider['instead'] = new Map();
  const codes = new Map<
    string,
    { challenge: string; nonce: string | null; redirect: string; client: string }
  >();
  const devices = new Map<string, { polls: number; client: string }>();

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', provider.issuer);
    asked.push(url.pathname);
    const other = instead.get(url.pathname);
    if (other !== undefined) return other(request, response);
    void route(url, request).then(
      ({ status, body, location }) =>
        response
          .writeHead(status, { 'content-type': 'application/json', ...(location && { location }) })
          .end(JSON.stringify(body ?? {})),
      () => response.destroy(),
    );
  };

  interface Reply {
    readonly status: number;
    readonly body?: unknown;
    readonly location?: string;
  }
  const failure = (error: string): Reply => ({ status: 400, body: { error } });

  async function route(url: URL, request: IncomingMessage): Promise<Reply> {
    switch (url.pathname) {
      case DISCOVERY:
        return { status: 200, body: metadata() };
      case '/keys':
        return { status: 200, body: { keys: provider.keys.map(({ jwk }) => jwk) } };
      case '/authorize':
        return authorize(url.searchParams);
      case '/device':
        return device(new URLSearchParams(await text(request)));
      case '/token':
        return token(new URLSearchParams(await text(request)));
      default:
        return { status: 404 };
    }
  }

  const metadata = () => ({
    issuer: provider.issuer,
    jwks_uri: `${provider.issuer}/keys`,
    authorization_endpoint: `${provider.issuer}/authorize`,
    token_endpoint: `${provider.issuer}/token`,
    device_authorization_endpoint: `${provider.issuer}/device`,
  });

  function authorize(query: URLSearchParams): Reply {
    const redirect = query.get('redirect_uri') ?? '';
    const target = new URL(redirect);
    if (target.hostname !== '127.0.0.1' || query.get('code_challenge_method') !== 'S256')
      return failure('invalid_request');
    const code = randomUUID();
    codes.set(code, {
      challenge: query.get('code_challenge') ?? '',
      nonce: query.get('nonce'),
      redirect,
      client: query.get('client_id') ?? '',
    });
    target.searchParams.set('code', code);
    target.searchParams.set('state', query.get('state') ?? '');
    return { status: 302, location: target.href };
  }

  function device(form: URLSearchParams): Reply {
    const code = randomUUID();
    devices.set(code, { polls: 0, client: form.get('client_id') ?? '' });
    return {
      status: 200,
      body: {
        device_code: code,
        user_code: 'WDJB-MJHT',
        verification_uri: `${provider.issuer}/activate`,
        expires_in: 60,
        interval: 0.01,
      },
    };
  }

  function token(form: URLSearchParams): Reply {
    if (form.get('grant_type') === 'authorization_code') {
      const grant = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (
        grant === undefined ||
        grant.challenge !== challenge ||
        grant.redirect !== form.get('redirect_uri') ||
        grant.client !== form.get('client_id')
      )
        return failure('invalid_grant');
      return idToken({ aud: grant.client, nonce: grant.nonce ?? undefined });
    }
    const waiting = devices.get(form.get('device_code') ?? '');
    if (waiting === undefined) return failure('invalid_grant');
    if (waiting.polls++ < provider.pending) return failure('authorization_pending');
    return idToken({ aud: waiting.client });
  }

  const idToken = (claims: Record<string, unknown>): Reply => ({
    status: 200,
    body: {
      token_type: 'Bearer',
      access_token: 'opaque',
      id_token: provider.token({ ...claims, ...provider.claims }),
    },
  });

  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server = createServer({ key: tls.key, cert: tls.certificate }, listener);
      server.on('tlsClientError', () => undefined).once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });

  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });

  const provider: IdentityProvider = {
    issuer: '',
    roots: tls.roots,
    asked,
    keys: [makeKey('ES256', 'first')],
    instead,
    claims: {},
    pending: 0,
    token(claims = {}, parts = {}, key = provider.keys[0]) {
      if (key === undefined) throw new Error('the provider has no key');
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: provider.issuer,
        aud: AUDIENCE,
        sub: 'ann',
        iat: now,
        nbf: now,
        exp: now + 300,
        ...claims,
      };
      return signToken(key, all, parts);
    },
    down: close,
    up: async () => void (await listen(Number(new URL(provider.issuer).port))),
    close,
  };
  const port = await listen(0);
  return Object.assign(provider, { issuer: `https://localhost:${port}` });
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** A root, and a certificate of it for localhost. */
async function credentials(): Promise<{ roots: string; certificate: string; key: string }> {
  const [root, leaf] = await Promise.all([generateKeyPair('ecdsa-p256'), generateKeyPair('ecdsa-p256')]);
  const common = { notBefore: Date.now() - HOUR, notAfter: Date.now() + DAY };
  const name = encodeName([commonName('login provider root')]);
  const rootDer = signCertificate(
    {
      ...common,
      serial: Buffer.from('4000000000000000000000000000001a', 'hex'),
      issuer: name,
      subject: name,
      spki: root.publicKey.spki,
      extensions: [keyUsage(['keyCertSign']), basicConstraints({ ca: true })],
    },
    root,
  );
  const leafDer = signCertificate(
    {
      ...common,
      serial: Buffer.from('4000000000000000000000000000001b', 'hex'),
      issuer: name,
      subject: encodeName([commonName('localhost')]),
      spki: leaf.publicKey.spki,
      extensions: [
        keyUsage(['digitalSignature']),
        extKeyUsage([OID.serverAuth]),
        basicConstraints({ ca: false }),
        subjectAltName([{ kind: 'dns', value: 'localhost' }], false),
      ],
    },
    root,
  );
  return {
    roots: encodePem('CERTIFICATE', rootDer),
    certificate: encodePem('CERTIFICATE', leafDer),
    key: encodePem('PRIVATE KEY', exportPkcs8(leaf.privateKey)),
  };
}
