/** Long answers from files. */
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { type Duration, SECOND } from '../../base/clock.ts';

/** A client that takes nothing for so long is let go, and the file with it. */
const STALLED: Duration = 30 * SECOND;

/** Ends with the answer, the client or the file, whichever is first: the file does not stay open after any of them. */
export function sendStream(response: ServerResponse, body: Readable, stalled: Duration = STALLED): void {
  body.on('error', () => response.destroy());
  // who left while the file was opened has closed already, and is not heard of again
  if (response.destroyed) {
    body.destroy();
    return;
  }
  response.on('close', () => body.destroy());
  response.setTimeout(stalled, () => response.destroy());
  body.pipe(response);
}
