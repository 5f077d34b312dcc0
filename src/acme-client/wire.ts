/**
 * RFC 8555 towards one CA with one account key: acme-client signs, fetches nonces and knows the resources; the transport
 * is ours, per CA, so that two CAs with different roots never meet. What it lacks (renewalInfo, raw answers) is beside it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { AcmeIdentifier, CaAuthorization, CaChallenge, CaOrder, RenewalWindow } from './resources.ts';
import { readAuthorization, readOrder, readWindow } from './resources.ts';
import { type Duration, type Instant, MINUTE, SECOND } from '../base/clock.ts';
import { toBase64Url } from '../x509/bytes.ts';
import { problemOf, record, retryAtOf } from './answers.ts';
import { AuthorityError, printable } from './errors.ts';
import { type LibraryClient, type LibraryOptions, openLibrary } from './library.ts';
import type { WireResponse } from './transport.ts';

export interface WireOptions extends LibraryOptions {
  /** Between tries of one request; left out: real time. */
  readonly sleep?: (duration: Duration) => Promise<void>;
}

/** A CA that refuses nine of ten good nonces (Pebble does, when asked to) is still served … */
const BAD_NONCES = 200;
/** … for so long. */
const NONCE_PATIENCE: Duration = 2 * MINUTE;

/** A CA that is overloaded for a moment is asked again, with a new signature; a limit is not waited for here. */
const OVERLOADED: readonly Duration[] = [SECOND / 2, SECOND, 2 * SECOND, 4 * SECOND];
const MOST_WAIT: Duration = 10 * SECOND;

export class Wire {
  readonly #options: WireOptions;
  readonly #client: LibraryClient;

  private constructor(options: WireOptions, client: LibraryClient) {
    this.#options = options;
    this.#client = client;
  }

  static async open(options: WireOptions): Promise<Wire> {
    return new Wire(options, await openLibrary(options));
  }

  /** What the directory says of itself. */
  async meta(): Promise<{
    readonly terms: string | undefined;
    readonly profiles: readonly string[];
    readonly externalAccountRequired: boolean;
    readonly renewalInfo: boolean;
  }> {
    const directory = record(await this.#directory());
    const meta = record(directory['meta']);
    return {
      terms: typeof meta['termsOfService'] === 'string' ? printable(meta['termsOfService']) : undefined,
      profiles: Object.keys(record(meta['profiles'])),
      externalAccountRequired: meta['externalAccountRequired'] === true,
      renewalInfo: typeof directory['renewalInfo'] === 'string',
    };
  }

  /** The account of this key, made where there is none (RFC 8555 7.3). Resolves with its URL. */
  async register(contact: readonly string[], termsOfServiceAgreed: boolean): Promise<string> {
    const resource = await this.#resource('newAccount');
    const response = await this.#send((nonce) =>
      this.#client.http.signedRequest(
        resource,
        { contact: [...contact], termsOfServiceAgreed },
        { includeExternalAccountBinding: true, ...nonce },
      ),
    );
    const url = this.#located(response, 'account');
    this.#client.api.accountUrl = url;
    return url;
  }

  /** RFC 8555 7.4, with `replaces` of RFC 9773 5 and `profile` of draft-ietf-acme-profiles. */
  async newOrder(order: {
    readonly identifiers: readonly AcmeIdentifier[];
    readonly profile: string | undefined;
    readonly replaces: string | undefined;
  }): Promise<CaOrder> {
    const url = await this.#resource('newOrder');
    const payload = (replaces: string | undefined): object => ({
      identifiers: order.identifiers,
      ...(order.profile !== undefined && { profile: order.profile }),
      ...(replaces !== undefined && { replaces }),
    });
    let response: WireResponse;
    try {
      response = await this.#post(url, payload(order.replaces));
    } catch (error) {
      // RFC 9773 5: an order is not lost because its predecessor was replaced already, or is not known any more
      const again =
        order.replaces !== undefined &&
        error instanceof AuthorityError &&
        ['alreadyReplaced', 'malformed', 'unauthorized', 'conflict'].includes(error.problem.type ?? '');
      if (!again) throw error;
      response = await this.#post(url, payload(undefined));
    }
    return readOrder(response.data, this.#located(response, 'order'));
  }

  async order(url: string): Promise<CaOrder & { readonly retryAt: Instant | undefined }> {
    const response = await this.#post(url, null);
    return { ...readOrder(response.data, url), retryAt: retryAtOf(response, this.#options.clock) };
  }

  async authorization(url: string): Promise<CaAuthorization & { readonly retryAt: Instant | undefined }> {
    const response = await this.#post(url, null);
    return { ...readAuthorization(response.data, url), retryAt: retryAtOf(response, this.#options.clock) };
  }

  /** Tells the CA that a challenge can be looked at (RFC 8555 7.5.1). */
  async respond(challenge: CaChallenge): Promise<void> {
    await this.#post(challenge.url, {});
  }

  /** `token.thumbprint` (RFC 8555 8.1). */
  async keyAuthorization(token: string): Promise<string> {
    return this.#client.getChallengeKeyAuthorization({ type: 'http-01', token });
  }

  /** RFC 8555 7.4: the order afterwards. `csr` is DER. */
  async finalize(order: CaOrder, csr: Uint8Array): Promise<CaOrder> {
    const response = await this.#post(order.finalize, { csr: toBase64Url(csr) });
    return readOrder(response.data, order.url);
  }

  /** PEM of a chain, leaf first, and the URLs of others for the same leaf (RFC 8555 7.4.2). */
  async certificate(url: string): Promise<{ readonly pem: string; readonly alternates: readonly string[] }> {
    const { data, headers } = await this.#post(url, null);
    if (typeof data !== 'string')
      throw new AuthorityError('protocol', { detail: 'the CA sent no PEM certificate chain' });
    const alternates = [...(headers['link'] ?? '').matchAll(/<([^>]{1,2000})>\s*;[^,]*rel="?alternate"?/gi)];
    return { pem: data, alternates: alternates.flatMap(([, found]) => found ?? []).slice(0, 10) };
  }

  /** The orders of this account, where the CA lists them (RFC 8555 7.1.2.1); at most one page. */
  async orders(accountUrl: string): Promise<readonly string[]> {
    const account = record((await this.#post(accountUrl, null)).data);
    const list = account['orders'];
    if (typeof list !== 'string') return [];
    const orders = record((await this.#post(list, null)).data)['orders'];
    return Array.isArray(orders) ? orders.filter((url) => typeof url === 'string').slice(0, 100) : [];
  }

  /** RFC 9773 4.1; `undefined` where the CA has no renewalInfo, or none for this certificate. */
  async renewalInfo(certificateId: string): Promise<RenewalWindow | undefined> {
    const base = record(await this.#directory())['renewalInfo'];
    if (typeof base !== 'string') return undefined;
    const response = await this.#options.transport.request(
      `${base.replace(/\/$/, '')}/${certificateId}`,
      'get',
      {},
    );
    if (response.status !== 200) return undefined;
    return readWindow(response.data, retryAtOf(response, this.#options.clock));
  }

  /** RFC 8555 7.6, by the account that ordered it. `reason` is a CRLReason. */
  async revoke(leaf: Uint8Array, reason: number): Promise<void> {
    const url = await this.#resource('revokeCert');
    try {
      await this.#post(url, { certificate: toBase64Url(leaf), reason });
    } catch (error) {
      if (!(error instanceof AuthorityError) || error.problem.type !== 'alreadyRevoked') throw error;
    }
  }

  async #directory(): Promise<unknown> {
    try {
      return await this.#client.http.getDirectory();
    } catch (cause) {
      if (cause instanceof AuthorityError) throw cause;
      throw new AuthorityError('unreachable', {
        detail: `the directory ${this.#options.directory.href} cannot be read`,
        cause,
      });
    }
  }

  async #resource(name: string): Promise<string> {
    await this.#directory();
    try {
      return await this.#client.http.getResourceUrl(name);
    } catch (cause) {
      throw new AuthorityError('protocol', { detail: `the directory has no ${name}`, cause });
    }
  }

  #post(url: string, payload: unknown): Promise<WireResponse> {
    const kid = this.#client.api.accountUrl;
    if (kid === null) throw new AuthorityError('protocol', { detail: 'there is no account yet' });
    return this.#send((nonce) => this.#client.http.signedRequest(url, payload, { kid, ...nonce }));
  }

  /** Every try is signed anew, with a nonce of its own (RFC 8555 6.5). */
  async #send(send: (nonce: { readonly nonce?: string }) => Promise<WireResponse>): Promise<WireResponse> {
    const { clock, sleep = wait } = this.#options;
    const deadline = clock.now() + NONCE_PATIENCE;
    let nonce: string | undefined;
    for (let [refused, overloaded] = [0, 0]; ;) {
      try {
        return await this.#guarded(() => send(nonce === undefined ? {} : { nonce }));
      } catch (error) {
        if (!(error instanceof AuthorityError)) throw error;
        const { status = 0, type, retryAt, freshNonce } = error.problem;
        nonce = undefined;
        if (type === 'badNonce' && refused < BAD_NONCES && clock.now() < deadline) {
          nonce = freshNonce;
          refused += 1;
          continue;
        }
        const pause = OVERLOADED[overloaded];
        const asked = retryAt === undefined ? 0 : retryAt - clock.now();
        if ((status !== 429 && status < 500) || pause === undefined || asked > MOST_WAIT) throw error;
        overloaded += 1;
        await sleep(Math.max(pause, asked));
      }
    }
  }

  /** What is kept on record is of this CA. */
  #located({ headers }: WireResponse, what: string): string {
    const url = headers['location'];
    if (url?.startsWith(`${this.#options.directory.origin}/`) === true) return url;
    throw new AuthorityError('protocol', { detail: `the CA named no ${what} URL of its own` });
  }

  async #guarded(send: () => Promise<WireResponse>): Promise<WireResponse> {
    let response: WireResponse;
    try {
      response = await send();
    } catch (error) {
      if (error instanceof AuthorityError) throw error;
      throw new AuthorityError('protocol', {
        detail: `the CA answered what cannot be understood: ${printable(error instanceof Error ? error.message : '')}`,
        cause: error,
      });
    }
    if (response.status >= 200 && response.status < 300) return response;
    throw problemOf(response, this.#options.clock);
  }
}
