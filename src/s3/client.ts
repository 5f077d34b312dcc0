/**
 * Objects of one S3 bucket: put, get, list, delete. For S3 itself and for what speaks its protocol. Each call has one
 * deadline and a bounded answer; nothing is tried again here, for only the caller knows whether that is safe.
 */
import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Clock, Duration } from '../base/clock.ts';
import { SECOND } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import { type Listing, type ListedObject, readListing } from './listing.ts';
import { encodeUriPart, renderQuery, type S3Credentials, signRequest, type Unsigned } from './signature.ts';

export type { ListedObject } from './listing.ts';
export type { S3Credentials } from './signature.ts';

export interface S3Options {
  readonly bucket: string;
  readonly region: string;
  /** Left out: AWS's own for the region. https, unless it is a loopback address. */
  readonly endpoint?: string | undefined;
  /** PEM with the roots to trust for the endpoint; left out: the public ones. */
  readonly ca?: string | undefined;
  /** Asked for each request, so that they can be exchanged. */
  readonly credentials: () => S3Credentials;
  readonly clock: Clock;
  /** For one request with its answer. */
  readonly timeout?: Duration;
}

export interface PutOptions {
  /** Only where no object has this key yet (`If-None-Match: *`). */
  readonly ifAbsent?: boolean;
  readonly contentType?: string;
  readonly cacheControl?: string;
}

/** What the store answered, or that it did not. `status` is absent where there was no answer. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: { cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const TIMEOUT: Duration = 10 * SECOND;
/** Of an answer without an object: a page of a listing is the longest. */
const MAX_ANSWER = 4 * 1024 * 1024;
const EMPTY = new Uint8Array(0);

export class S3Client {
  readonly #options: S3Options;
  readonly #base: URL;
  readonly #agent: PlainAgent | TlsAgent;

  /** Throws `invalid_configuration` for an endpoint without TLS that is not on this host. */
  constructor(options: S3Options) {
    this.#options = options;
    this.#base = baseUrl(options);
    const limits = { keepAlive: true, maxSockets: 8 };
    this.#agent =
      this.#base.protocol === 'https:'
        ? new TlsAgent({
            ...limits,
            ...(options.ca !== undefined && { ca: options.ca }),
            minVersion: 'TLSv1.2',
            rejectUnauthorized: true,
          })
        : new PlainAgent(limits);
  }

  /** For messages. */
  get name(): string {
    return `s3://${this.#options.bucket}`;
  }

  /** Durable when it resolves. `exists`: there is one, and it was left as it is. Rejects with `S3Error`. */
  async putObject(key: string, body: Uint8Array, options: PutOptions = {}): Promise<'stored' | 'exists'> {
    const { ifAbsent = false, contentType = 'application/octet-stream', cacheControl } = options;
    const answer = await this.#send({
      method: 'PUT',
      url: this.#url(key),
      headers: {
        'content-length': String(body.length),
        'content-type': contentType,
        ...(cacheControl !== undefined && { 'cache-control': cacheControl }),
        ...(ifAbsent && { 'if-none-match': '*' }),
      },
      body,
    });
    if (ifAbsent && answer.status === 412) return 'exists';
    this.#expect(answer, `writing ${key}`);
    return 'stored';
  }

  /** `undefined` where there is none. Rejects with `S3Error`, also for one of over `maxOctets`. */
  async getObject(key: string, maxOctets: number): Promise<Uint8Array | undefined> {
    const answer = await this.#send(
      { method: 'GET', url: this.#url(key), headers: {}, body: EMPTY },
      maxOctets,
    );
    if (answer.status === 404 && errorCode(answer) !== 'NoSuchBucket') return undefined;
    this.#expect(answer, `reading ${key}`);
    return answer.body;
  }

  /** Deleting what is not there is no fault. */
  async deleteObject(key: string): Promise<void> {
    const answer = await this.#send({ method: 'DELETE', url: this.#url(key), headers: {}, body: EMPTY });
    if (answer.status !== 404) this.#expect(answer, `deleting ${key}`);
  }

  /** Keys with this prefix in the order of their octets, those after `after` only. */
  async *listObjects(prefix: string, after?: string): AsyncGenerator<ListedObject, void, undefined> {
    let next: string | undefined;
    do {
      const page: Listing = await this.#listPage(prefix, after, next);
      yield* page.objects;
      next = page.next;
    } while (next !== undefined);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #listPage(prefix: string, after: string | undefined, next: string | undefined): Promise<Listing> {
    const url = new URL(this.#base);
    url.search = renderQuery([
      ['list-type', '2'],
      ['encoding-type', 'url'],
      ['prefix', prefix],
      ...(after !== undefined ? ([['start-after', after]] as const) : []),
      ...(next !== undefined ? ([['continuation-token', next]] as const) : []),
    ]);
    const answer = await this.#send({ method: 'GET', url, headers: {}, body: EMPTY });
    this.#expect(answer, `listing ${prefix}`);
    const listing = readListing(answer.body.toString('utf8'));
    if (listing === undefined) throw new S3Error(`${this.name} answered with something else than a listing`);
    return listing;
  }

  #url(key: string): URL {
    const url = new URL(this.#base);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${key.split('/').map(encodeUriPart).join('/')}`;
    return url;
  }

  async #send(unsigned: Unsigned, maxOctets: number = MAX_ANSWER): Promise<Answer> {
    const { credentials, region, clock, timeout = TIMEOUT } = this.#options;
    const headers = signRequest(unsigned, { credentials: credentials(), region, now: clock.now() });
    const signal = AbortSignal.timeout(timeout);
    try {
      const response = await this.#ask(unsigned, headers, signal);
      const cap = response.statusCode === 200 ? maxOctets : MAX_ANSWER;
      return { status: response.statusCode ?? 0, body: await readAtMost(response, cap) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = signal.aborted ? `no answer within ${timeout} ms` : (code ?? message);
      throw new S3Error(`${this.name} at ${unsigned.url.host}: ${why}`, undefined, { cause: error });
    }
  }

  #ask(
    { method, url, body }: Unsigned,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const request = url.protocol === 'https:' ? tlsRequest : plainRequest;
    return new Promise((resolve, reject) => {
      request(url, { method, headers, agent: this.#agent, signal })
        .once('response', resolve)
        .once('error', reject)
        .end(body);
    });
  }

  /** The code that the store gives, never its text: that may quote the request. */
  #expect(answer: Answer, doing: string): void {
    if (answer.status === 200 || answer.status === 204) return;
    const code = errorCode(answer);
    throw new S3Error(
      `${this.name}: ${doing} was answered with ${answer.status}${code === undefined ? '' : ` ${code}`}`,
      answer.status,
    );
  }
}

const errorCode = ({ body }: Answer): string | undefined =>
  /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(body.toString('utf8', 0, 4096))?.[1];

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** With an endpoint of one's own, the bucket is the first part of the path; so it is where dots in it break TLS. */
function baseUrl({ bucket, region, endpoint }: S3Options): URL {
  if (endpoint === undefined)
    return bucket.includes('.')
      ? new URL(`https://s3.${region}.amazonaws.com/${bucket}/`)
      : new URL(`https://${bucket}.s3.${region}.amazonaws.com/`);
  const url = new URL(endpoint);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    throw new ChanceryError('invalid_configuration', {
      message: `the S3 endpoint ${endpoint} is not https`,
      rule: 'only an endpoint on this host may be reached without TLS',
      fix: 'Write it as https://…',
    });
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${bucket}/`;
  return url;
}

async function readAtMost(response: IncomingMessage, maxOctets: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > maxOctets) {
      response.destroy();
      throw new Error(`the answer has over ${maxOctets} octets`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
