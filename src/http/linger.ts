/** Answering a request whose body is not read. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** RFC 9112 9.6: closed while the client still writes, the connection would be reset before it has read the answer. */
export function endWhenRead(request: IncomingMessage, response: ServerResponse): void {
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MILLISECONDS);
  request.once('end', end).once('close', end).once('error', end).resume();
}

const LINGER_MILLISECONDS = 1000;
