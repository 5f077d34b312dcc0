/** A CA over HTTPS on this machine that answers as a test says: well, or as one that means harm. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { encodePem } from '../../src/x509/pem.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { DAY } from '../../src/base/clock.ts';
import { dns, makeCa, makeLeaf } from '../support/chains.ts';

export interface HostileRequest {
  readonly path: string;
  readonly method: string;
  /** Of the JWS: nonce, url, kid. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: unknown;
}

export interface HostileAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Takes the answer over. */
  readonly raw?: (response: ServerResponse) => void;
}

export interface HostileCa {
  readonly origin: string;
  readonly directory: URL;
  /** PEM of the root of its HTTPS. */
  readonly roots: string;
  readonly requests: HostileRequest[];
  /** By path; what is not here is answered well. */
  readonly answers: Map<string, (request: HostileRequest) => HostileAnswer>;
}

export async function hostileCa(): Promise<HostileCa> {
  const root = await makeCa('hostile https', undefined, { notAfter: Date.now() + 30 * DAY });
  const leaf = await makeLeaf('hostile https leaf', root, dns('localhost'), {
    notAfter: Date.now() + 30 * DAY,
  });
  const requests: HostileRequest[] = [];
  const answers: HostileCa['answers'] = new Map();
  const server: Server = createServer(
    {
      key: encodePem('PRIVATE KEY', exportPkcs8(leaf.pair.privateKey)),
      cert: encodePem('CERTIFICATE', leaf.der),
    },
    (request, response) => {
      answer(request, response).catch(() => response.destroy());
    },
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  let nonces = 0;
  const order = (): unknown => ({
    status: 'pending',
    identifiers: [{ type: 'dns', value: 'shop.example.test' }],
    authorizations: [`${origin}/authz`],
    finalize: `${origin}/finalize`,
  });
  const good: Readonly<Record<string, () => HostileAnswer>> = {
    '/directory': () => ({
      body: Object.fromEntries(
        ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange', 'renewalInfo'].map((name) => [
          name,
          `${origin}/${name}`,
        ]),
      ),
    }),
    '/newNonce': () => ({}),
    '/newAccount': () => ({ status: 201, headers: { location: `${origin}/account/1` }, body: {} }),
    '/account/1': () => ({ body: { status: 'valid' } }),
    '/newOrder': () => ({ status: 201, headers: { location: `${origin}/order/1` }, body: order() }),
    '/order/1': () => ({ body: order() }),
    '/authz': () => ({
      body: {
        status: 'pending',
        identifier: { type: 'dns', value: 'shop.example.test' },
        challenges: [
          { type: 'http-01', url: `${origin}/challenge`, token: 'a'.repeat(32), status: 'pending' },
        ],
      },
    }),
    '/challenge': () => ({ body: {} }),
    '/finalize': () => ({ body: order() }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const jws =
      chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>);
    const part = (text: string | undefined): unknown =>
      text === undefined || text === '' ? undefined : JSON.parse(Buffer.from(text, 'base64url').toString());
    const seen: HostileRequest = {
      path: request.url ?? '',
      method: request.method ?? '',
      header: (part(jws['protected']) ?? {}) as Record<string, unknown>,
      payload: part(jws['payload']),
    };
    requests.push(seen);
    const {
      status = 200,
      headers = {},
      body,
      raw,
    } = answers.get(seen.path)?.(seen) ?? good[seen.path]?.() ?? { status: 404, body: {} };
    nonces += 1;
    if (raw !== undefined) {
      raw(response);
      return;
    }
    response.writeHead(status, {
      'replay-nonce': `nonce-${nonces}`,
      'content-type': typeof body === 'string' ? 'text/html' : 'application/json',
      ...headers,
    });
    response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  }

  return {
    origin,
    directory: new URL(`${origin}/directory`),
    roots: encodePem('CERTIFICATE', root.der),
    requests,
    answers,
  };
}
