/** An ACME client of a running server, which signs and sends what it is told to. */
import { type AccountKey, accountKey, signed } from './acme.ts';
import type { Answer, TestServer } from './running-server.ts';

export const JOSE = { 'content-type': 'application/jose+json' };

/** What of a server an ACME client needs. */
export interface AcmeHost extends Pick<TestServer, 'ask'> {
  readonly server: { readonly urls: { readonly https: string } };
}

export class HttpAcmeClient {
  readonly #server: AcmeHost;
  readonly #issuer: string;
  readonly key: AccountKey;
  kid: string | undefined;

  constructor(server: AcmeHost, key: AccountKey = accountKey(), issuer = 'servers') {
    this.#server = server;
    this.#issuer = issuer;
    this.key = key;
  }

  url(path: string): string {
    return path.startsWith('https:')
      ? path
      : `${this.#server.server.urls.https}/acme/${this.#issuer}/${path}`;
  }

  get(path: string, method = 'GET'): Promise<Answer> {
    return this.#server.ask(method, new URL(this.url(path)).pathname, undefined, { login: null });
  }

  async nonce(): Promise<string> {
    return String((await this.get('new-nonce', 'HEAD')).headers['replay-nonce']);
  }

  async post(path: string, payload?: unknown, header: object = {}): Promise<Answer> {
    const url = this.url(path);
    const protectedHeader = {
      alg: this.key.alg,
      nonce: await this.nonce(),
      url,
      ...(this.kid === undefined ? { jwk: this.key.jwk } : { kid: this.kid }),
      ...header,
    };
    return this.send(url, JSON.stringify(signed(this.key, protectedHeader, payload)));
  }

  send(path: string, raw: string | Buffer, headers: Record<string, string> = JOSE): Promise<Answer> {
    return this.#server.ask('POST', new URL(this.url(path)).pathname, undefined, {
      login: null,
      raw,
      headers,
    });
  }

  async register(payload: object = {}): Promise<Answer> {
    const answer = await this.post('new-account', payload);
    this.kid = String(answer.headers['location']);
    return answer;
  }
}
