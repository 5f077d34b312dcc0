/** acme-client over a transport of ours, which holds what the CA sends against what the library would believe of it. */
import type { Clock } from '../base/clock.ts';
import { NONCE, problemOf } from './answers.ts';
import { AuthorityError } from './errors.ts';
import type { Transport, WireRequest, WireResponse } from './transport.ts';

export interface LibraryOptions {
  readonly directory: URL;
  readonly transport: Transport;
  readonly clock: Clock;
  /** PEM of the PKCS#8 account key. */
  readonly accountKey: string;
  /** `undefined`: `register` is called first. */
  readonly accountUrl: string | undefined;
  readonly eab: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** The parts of acme-client that are used; it types only its convenience layer. */
export interface LibraryClient {
  readonly http: {
    request: (url: string, method: string, options?: WireRequest) => Promise<WireResponse>;
    maxBadNonceRetries: number;
    getDirectory(): Promise<unknown>;
    getResourceUrl(resource: string): Promise<string>;
    signedRequest(
      url: string,
      payload: unknown,
      options: {
        readonly kid?: string;
        readonly nonce?: string;
        readonly includeExternalAccountBinding?: boolean;
      },
    ): Promise<WireResponse>;
  };
  readonly api: { accountUrl: string | null };
  getChallengeKeyAuthorization(challenge: { type: string; token: string }): Promise<string>;
}

export async function openLibrary(options: LibraryOptions): Promise<LibraryClient> {
  const { Client } = await import('acme-client');
  const client = new Client({
    directoryUrl: options.directory.href,
    accountKey: options.accountKey,
    ...(options.accountUrl !== undefined && { accountUrl: options.accountUrl }),
    ...(options.eab !== undefined && { externalAccountBinding: options.eab }),
  }) as unknown as LibraryClient;
  client.http.maxBadNonceRetries = 0;
  client.http.request = async (url, method, { headers = {}, data } = {}) => {
    const response = await options.transport.request(url, method, {
      headers: { 'content-type': 'application/jose+json', ...headers },
      ...(data === undefined ? {} : { data }),
    });
    // the library keeps whatever it takes for a directory for a day, and signs with whatever it takes for a nonce
    if (method === 'get') requireObject(response, options.clock);
    if (method === 'head') requireNonce(response, options.clock);
    return response;
  };
  return client;
}

function requireObject(response: WireResponse, clock: Clock): void {
  if (response.status !== 200) throw problemOf(response, clock);
  if (typeof response.data !== 'object' || response.data === null)
    throw new AuthorityError('protocol', { detail: 'the directory of the CA is no JSON object' });
}

function requireNonce(response: WireResponse, clock: Clock): void {
  if (response.status >= 300) throw problemOf(response, clock);
  if (!NONCE.test(response.headers['replay-nonce'] ?? ''))
    throw new AuthorityError('protocol', { detail: 'the CA gave no nonce' });
}
