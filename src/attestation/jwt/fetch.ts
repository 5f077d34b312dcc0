/** One document of a login provider over HTTPS: no redirects, a bounded length, a deadline. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';

export interface Fetching {
  /** PEM with the roots to trust; left out: the public ones. */
  readonly ca: string | undefined;
  readonly maxOctets: number;
  readonly signal: AbortSignal;
}

/** Rejects with an Error that says what went wrong. */
export async function fetchDocument(url: URL, { ca, maxOctets, signal }: Fetching): Promise<string> {
  if (url.protocol !== 'https:') throw new Error(`${url.href} is not https`);
  // a connection of its own each time: what was trusted an hour ago may not be now
  const agent = new Agent({
    ...(ca !== undefined && { ca }),
    keepAlive: false,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
  try {
    const response = await ask(url, agent, signal);
    // a redirect would lead to what nobody configured
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`${url.href} answered ${response.statusCode ?? 0}`);
    }
    return await readAtMost(response, url, maxOctets);
  } catch (error) {
    if (signal.aborted) throw new Error(`${url.href} did not answer in time`, { cause: error });
    throw error;
  } finally {
    agent.destroy();
  }
}

const ask = (url: URL, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request(url, { agent, signal, headers: { accept: 'application/json', 'user-agent': 'chancery' } })
      .once('response', resolve)
      .once('error', (cause: NodeJS.ErrnoException) =>
        reject(new Error(`${url.host} cannot be reached: ${cause.code ?? cause.message}`, { cause })),
      )
      .end();
  });

async function readAtMost(response: IncomingMessage, url: URL, maxOctets: number): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > maxOctets) {
      response.destroy();
      throw new Error(`${url.href} answered with over ${maxOctets} octets`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
