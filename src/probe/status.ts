/** Asks a status listener as a relying party does: over HTTP, at its public URL, with a deadline and a bounded answer. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { type Duration, SECOND } from '../base/clock.ts';
import { type Bytes, toBase64 } from '../x509/bytes.ts';

const TIMEOUT: Duration = 10 * SECOND;
/** A million entries are about 40 MiB. */
const MAX_CRL = 128 * 1024 * 1024;
const MAX_ANSWER = 64 * 1024;
/** RFC 5019 5: what is longer goes by POST. */
const MAX_GET = 255;

export interface SeenCrl {
  readonly der: Bytes;
  /** For the next time. */
  readonly etag: string | undefined;
}

export class StatusProbe {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  /** `unchanged`: it is the one with this entity tag. Rejects where it is not had. */
  async crl(url: string, etag?: string): Promise<SeenCrl | 'unchanged'> {
    const headers = etag === undefined ? {} : { 'if-none-match': etag };
    const response = await this.#send(url, { method: 'GET', headers });
    if (response.statusCode === 304) {
      response.resume();
      return 'unchanged';
    }
    return { der: await bodyOf(response, MAX_CRL), etag: response.headers.etag };
  }

  /** Octets of the answer. By GET where that is short enough: what is in between may answer for the listener then. */
  async ocsp(url: string, octets: Bytes): Promise<Bytes> {
    const get = `${url}/${encodeURIComponent(toBase64(octets))}`;
    const headers = { 'content-type': 'application/ocsp-request', 'content-length': octets.length };
    const response =
      get.length <= MAX_GET
        ? await this.#send(get, { method: 'GET', headers: {} })
        : await this.#send(url, { method: 'POST', headers }, octets);
    return bodyOf(response, MAX_ANSWER);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    url: string,
    options: { readonly method: string; readonly headers: Readonly<Record<string, string | number>> },
    body?: Bytes,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request(url, { ...options, agent: this.#agent, signal: AbortSignal.timeout(TIMEOUT) })
        .once('response', resolve)
        .once('error', reject)
        .end(body);
    });
  }
}

async function bodyOf(response: IncomingMessage, limit: number): Promise<Bytes> {
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`HTTP ${response.statusCode ?? 0}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) {
      response.destroy();
      throw new Error(`the answer has over ${limit} octets`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
