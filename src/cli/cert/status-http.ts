/** Plain requests to the URLs in a certificate: no cookies, no redirects, one deadline, a bounded answer. */
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Bytes } from '../../x509/bytes.ts';

const TIMEOUT = 10_000;

/** What was answered with status 200, or why nothing was. */
export type Fetched = { readonly body: Bytes } | { readonly why: string };

export async function fetchStatus(url: string, limit: number, post?: Bytes): Promise<Fetched> {
  if (!URL.canParse(url)) return { why: 'it is no URL' };
  const { protocol } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return { why: `${protocol} is not asked` };
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await send(url, signal, post);
    if (response.statusCode !== 200) {
      response.destroy();
      return { why: `HTTP ${response.statusCode ?? 0}` };
    }
    return await readAtMost(response, limit);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { why: signal.aborted ? 'no answer within 10 s' : (CAUSES[code ?? ''] ?? code ?? message) };
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'there is no way to the host',
  ECONNRESET: 'it hangs up',
};

function send(url: string, signal: AbortSignal, post: Bytes | undefined): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? tlsRequest : plainRequest;
  const options =
    post === undefined
      ? { method: 'GET', headers: {} }
      : {
          method: 'POST',
          headers: { 'content-type': 'application/ocsp-request', 'content-length': post.length },
        };
  return new Promise((resolve, reject) => {
    request(url, { ...options, signal, agent: false })
      .once('response', resolve)
      .once('error', reject)
      .end(post);
  });
}

async function readAtMost(response: IncomingMessage, limit: number): Promise<Fetched> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) {
      response.destroy();
      return { why: `the answer has over ${limit} octets` };
    }
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks) };
}
