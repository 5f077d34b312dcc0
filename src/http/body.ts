/** Bodies, capped before they are parsed. */
import type { IncomingMessage } from 'node:http';
import { ChanceryError } from '../base/errors.ts';

export const BODY_LIMIT = 64 * 1024;

const tooLarge = (limit: number): ChanceryError =>
  new ChanceryError('body_too_large', {
    message: `the body has over ${limit} octets`,
    rule: `at most ${limit} octets`,
    fix: 'Send one request at a time; a certificate request has a few hundred octets.',
  });

/** The whole body. Throws `body_too_large` on the announced length already, else at the first octet too many. */
export function readBody(request: IncomingMessage, limit: number = BODY_LIMIT): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.reject(tooLarge(limit));
  // whoever hung up while the gate was asked: no event comes any more
  if (request.destroyed && !request.complete) return Promise.reject(cutOff());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge(limit));
      } else chunks.push(chunk);
    });
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('error', () => reject(cutOff()));
    request.on('aborted', () => reject(cutOff()));
  });
}

const cutOff = (): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: 'the body was cut off',
    rule: 'RFC 9112 6.3',
    fix: 'Send it again.',
  });

/** The JSON of a body. Throws `unsupported_media_type` or `malformed_json`. */
export async function readJson(request: IncomingMessage, limit: number = BODY_LIMIT): Promise<unknown> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new ChanceryError('unsupported_media_type', {
      message: `the body is ${type === undefined ? 'of no declared type' : JSON.stringify(type.slice(0, 80))}`,
      rule: 'Content-Type: application/json',
      fix: 'Send JSON and say so.',
    });
  const body = await readBody(request, limit);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new ChanceryError('malformed_json', {
      message: body.length === 0 ? 'the body is empty' : 'the body is not JSON',
      rule: 'RFC 8259',
      fix: 'Send one JSON object.',
    });
  }
}
