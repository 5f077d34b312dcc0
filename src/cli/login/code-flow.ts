/**
 * Authorization code flow of a native app (RFC 8252): PKCE (RFC 7636), and a redirect to a port of this host that is
 * open for one answer.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LoginProvider } from '../../api/logins.ts';
import { say, type Terminal } from '../terminal.ts';
import { type IdToken, readIdToken } from './id-token.ts';
import { askProvider, type Endpoints, refusedLogin, tooLate, unusable } from './provider.ts';

export interface CodeFlow {
  readonly provider: LoginProvider;
  readonly endpoints: Endpoints;
  readonly terminal: Terminal;
  /** Program that opens an address; `undefined`: the person does it. */
  readonly browser: string | undefined;
  readonly timeout: number;
}

export async function logInByCode(flow: CodeFlow): Promise<IdToken> {
  const { provider, endpoints } = flow;
  const [verifier, state, nonce] = [secret(), secret(), secret()];
  const server = createServer();
  const redirect = `http://127.0.0.1:${await listen(server)}/callback`;
  try {
    const url = authorizationUrl(flow, redirect, { verifier, state, nonce });
    const answer = waitForAnswer(server, flow, state);
    answer.catch(() => undefined); // it is awaited below
    open(flow, url);
    const code = await answer;
    const reply = await askProvider(provider, endpoints.token, {
      grant_type: 'authorization_code',
      client_id: provider.clientId,
      code,
      redirect_uri: redirect,
      code_verifier: verifier,
    });
    return readIdToken(provider, reply, nonce);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const secret = (): string => randomBytes(32).toString('base64url');

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

interface Secrets {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

/** Nothing in it is secret afterwards: the code is of no use without the verifier. */
function authorizationUrl(
  { provider, endpoints }: CodeFlow,
  redirect: string,
  { verifier, state, nonce }: Secrets,
): string {
  const url = new URL(endpoints.authorization);
  const parameters = {
    response_type: 'code',
    client_id: provider.clientId,
    scope: provider.scopes.join(' '),
    redirect_uri: redirect,
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** The code. Whoever does not know `state` is not answered: other pages of the browser can reach the port too. */
function waitForAnswer(server: Server, { provider, timeout }: CodeFlow, state: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate(provider)), timeout);
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
      if (request.method !== 'GET' || pathname !== '/callback' || searchParams.get('state') !== state)
        return answer(response, 404, 'There is nothing here.');
      clearTimeout(timer);
      const code = searchParams.get('code');
      // RFC 9207: an answer that another provider was made to give
      const issuer = searchParams.get('iss') ?? provider.issuer;
      if (code !== null && code !== '' && issuer === provider.issuer) {
        answer(response, 200, 'You are logged in. You can close this window.');
        return resolve(code);
      }
      answer(response, 400, 'You are not logged in. The terminal says why.');
      reject(
        issuer !== provider.issuer
          ? unusable(provider, 'the answer is of another issuer (RFC 9207)')
          : refusedLogin(provider, searchParams.get('error'), searchParams.get('error_description')),
      );
    });
  });
}

const answer = (response: ServerResponse, status: number, text: string): void =>
  void response
    .writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    })
    .end(`${text}\n`);

function open({ terminal, browser, provider }: CodeFlow, url: string): void {
  say(terminal, `log in at ${provider.name}: ${url}`);
  if (browser === undefined) return;
  const child = spawn(browser, [url], { stdio: 'ignore', detached: true });
  child.once('error', () => say(terminal, `${browser} cannot be started: open the address yourself`));
  child.unref();
}
