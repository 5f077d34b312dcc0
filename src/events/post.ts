/** One event over HTTP: no redirect, the answer's body is not read, a deadline by the signal. */
import { request as plainRequest } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';

export async function postEvent(
  url: URL,
  headers: Record<string, string>,
  body: string,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  const isTls = url.protocol === 'https:';
  const agent = isTls
    ? new Agent({
        ...(ca !== undefined && { ca }),
        keepAlive: false,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: true,
      })
    : undefined;
  try {
    return await new Promise<number>((resolve, reject) => {
      const options = {
        method: 'POST',
        signal,
        headers: { ...headers, 'user-agent': 'chancery', 'content-length': Buffer.byteLength(body) },
      };
      const outgoing = isTls ? tlsRequest(url, { ...options, agent }) : plainRequest(url, options);
      outgoing
        .once('response', (response) => {
          resolve(response.statusCode ?? 0);
          response.destroy();
        })
        .once('error', (cause: NodeJS.ErrnoException) =>
          reject(new Error(`${url.host} cannot be reached: ${cause.code ?? cause.message}`, { cause })),
        )
        .end(body);
    });
  } finally {
    agent?.destroy();
  }
}
