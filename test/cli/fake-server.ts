/** The REST API over real TLS, with an authority that signs whatever it is asked for. */
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { IssuedCertificate } from '../../src/api/certificates.ts';
import { DAY, formatInstant, HOUR, type Instant, parseDuration } from '../../src/base/clock.ts';
import { parseGeneralNames, toNameLists } from '../../src/domain/identity/names.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import { readCertificationRequest } from '../../src/x509/csr.ts';
import { extKeyUsage, subjectAltName } from '../../src/x509/extensions.ts';
import type { GeneralName, NameKind } from '../../src/x509/general-name.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { decodePemOne, encodePem } from '../../src/x509/pem.ts';
import { type Authority, makeAuthority, signCertificate } from '../support/authority.ts';
import { keyOf } from '../support/keys.ts';

export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  /** Serial of the client's certificate, lower-case hexadecimal. */
  readonly login: string | undefined;
}

export interface Reply {
  readonly status: number;
  /** JSON, or text as it stands. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection breaks after this. */
  readonly breakOff?: true;
}

export type Handler = (request: Received) => Reply;

interface Wish {
  readonly names: readonly { readonly kind: NameKind; readonly value: string }[];
  readonly spki: Bytes;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

export class FakeServer {
  readonly received: Received[] = [];
  /** `GET /api/v1/server` → what is answered. */
  readonly routes = new Map<string, Handler>();
  readonly url: string;
  readonly authority: Authority;
  readonly #server: Server;

  private constructor(server: Server, authority: Authority) {
    this.#server = server;
    this.authority = authority;
    this.url = `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeServer> {
    const now = Date.now();
    const authority = await makeAuthority({ issuer: 'servers', now });
    const key = await keyOf('ecdsa-p256', 'listener');
    const certificate = sign(authority, {
      names: [{ kind: 'dns', value: 'localhost' }],
      spki: key.publicKey.spki,
      notBefore: now - HOUR,
      notAfter: now + DAY,
    });
    const issuing = authority.generation.certificate.raw;
    let fake: FakeServer | undefined = undefined as FakeServer | undefined;
    const server = createServer(
      {
        cert: certificate.pem + encodePem('CERTIFICATE', issuing),
        key: encodePem('PRIVATE KEY', exportPkcs8(key.privateKey)),
        ca: encodePem('CERTIFICATE', authority.root),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { status, body, headers, breakOff } = fake!.answer(request, Buffer.concat(chunks).toString());
          const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
          response.writeHead(status, { 'content-type': 'application/json', ...headers });
          if (status === 204) response.end();
          else if (breakOff) response.write(text, () => request.socket.destroy());
          else response.end(text);
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    fake = new FakeServer(server, authority);
    return fake;
  }

  answer(request: IncomingMessage, body: string): Reply {
    const { serialNumber } = (request.socket as TLSSocket).getPeerCertificate();
    const received: Received = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: body === '' ? undefined : JSON.parse(body),
      login: serialNumber?.toLowerCase(),
    };
    this.received.push(received);
    const handler = this.routes.get(`${received.method} ${received.path.split('?', 1)[0]}`);
    return handler?.(received) ?? problem(404, 'not_found', `there is no ${received.path}`);
  }

  on(route: string, reply: Reply | Handler): this {
    this.routes.set(route, typeof reply === 'function' ? reply : () => reply);
    return this;
  }

  /** Signs the request of a body as the real one would, without asking who wants it. */
  readonly signing: Handler = ({ body }) => {
    const { csr, ttl = '1h', profile = 'workload' } = body as { csr: string; ttl?: string; profile?: string };
    const { names, publicKey } = readCertificationRequest(decodePemOne(csr, 'CERTIFICATE REQUEST'));
    return { status: 201, body: this.issue(names, publicKey.spki, parseDuration(ttl) ?? HOUR, profile) };
  };

  issue(
    names: readonly GeneralName[],
    spki: Bytes,
    life: number,
    profile = 'workload',
    age = 0,
  ): IssuedCertificate {
    const wanted = parseGeneralNames(names);
    const notBefore = Date.now() - age;
    const { serial, pem } = sign(this.authority, {
      names: wanted,
      spki,
      notBefore,
      notAfter: notBefore + life,
    });
    return {
      serial,
      certificate: pem,
      chain: [encodePem('CERTIFICATE', this.authority.generation.certificate.raw)],
      roots: [encodePem('CERTIFICATE', this.authority.root)],
      notBefore: formatInstant(notBefore),
      notAfter: formatInstant(notBefore + life),
      issuer: 'servers',
      generation: 'servers-1',
      profile,
      names: toNameLists(wanted) as IssuedCertificate['names'],
      rule: 'admin',
    };
  }

  /** A data folder with client.yaml and a login as `init` leaves it. */
  async dataFolder(folder: string, { life = 12 * HOUR, age = 0 } = {}): Promise<string> {
    const key = await keyOf('ecdsa-p256', 'operator');
    const login = this.issue(
      [{ kind: 'uri', value: 'spiffe://example.test/chancery/admin' }],
      key.publicKey.spki,
      life,
      'client',
      age,
    );
    mkdirSync(join(folder, 'admin'), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'admin', 'cert.pem'), login.certificate);
    writeFileSync(join(folder, 'admin', 'key.pem'), encodePem('PRIVATE KEY', exportPkcs8(key.privateKey)), {
      mode: 0o600,
    });
    writeFileSync(join(folder, 'roots.pem'), encodePem('CERTIFICATE', this.authority.root));
    writeFileSync(
      join(folder, 'client.yaml'),
      `server: ${this.url}\nroots: roots.pem\ncertificate: admin/cert.pem\nkey: admin/key.pem\ntrustDomain: example.test\n`,
    );
    return folder;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export const problem = (status: number, code: string, detail: string, more: object = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: {
    type: `urn:chancery:error:${code}`,
    title: 'A title',
    status,
    code,
    detail,
    requestId: 'request-1',
    ...more,
  },
});

function sign(
  { issuerKey, generation }: Authority,
  { names, spki, notBefore, notAfter }: Wish,
): { readonly serial: string; readonly pem: string } {
  const serial = randomBytes(16);
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  const der = signCertificate(
    {
      serial,
      issuer: generation.certificate.subject,
      subject: EMPTY_NAME,
      notBefore: Math.floor(notBefore / 1000) * 1000,
      notAfter: Math.floor(notAfter / 1000) * 1000,
      spki,
      extensions: [subjectAltName(names, true), extKeyUsage([OID.serverAuth, OID.clientAuth])],
    },
    issuerKey,
  );
  return { serial: serial.toString('hex'), pem: encodePem('CERTIFICATE', der) };
}
