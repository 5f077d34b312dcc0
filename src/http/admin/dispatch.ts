/** One path for every operation, whether express found it or the hot path did: gate, body, schema, handler, answer. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { type Operation, type Route, ROUTES } from '../../api/routes.ts';
import { type Door, type Principal, principalId } from '../../domain/identity/principal.ts';
import { fromUtf8, sha256, toHex } from '../../x509/bytes.ts';
import { readJson } from '../body.ts';
import { endWhenRead } from '../linger.ts';
import { problemReply } from '../problem.ts';
import type { Exchange, Reply } from './exchange.ts';
import { etagOf, isKnown } from './etag.ts';
import { admit } from './gate.ts';
import { HANDLERS, type Handlers } from './operations/index.ts';
import type { AdminPorts } from './ports.ts';

export const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

export type Dispatch = (
  operation: Operation,
  request: IncomingMessage,
  response: ServerResponse,
  params: unknown,
) => Promise<void>;

export function createDispatch(ports: AdminPorts): Dispatch {
  const handlers: Handlers = HANDLERS(ports);
  return async (operation, request, response, params) => {
    const started = process.hrtime.bigint();
    const door = doorOf(request);
    let principal: Principal | undefined;
    let failure: unknown;
    try {
      principal = await admit(ports, request, operation, door);
      const exchange = await parse(operation, request, params, principal, door);
      await send(
        request,
        response,
        ROUTES[operation],
        await handlers[operation](exchange as Exchange<never, never, never>),
        door,
      );
    } catch (error) {
      failure = error;
      sendProblem(request, response, error, door.requestId);
    }
    ports.answered({
      operation,
      method: request.method ?? '',
      status: response.statusCode,
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
      requestId: door.requestId,
      principal: principal && principalId(principal),
      code: isChanceryError(failure) ? failure.code : failure === undefined ? undefined : 'internal',
      error: isChanceryError(failure) ? undefined : failure,
    });
  };
}

export function doorOf(request: IncomingMessage): Door {
  const address = request.socket.remoteAddress;
  return { name: 'rest', requestId: randomUUID(), ...(address === undefined ? {} : { address }) };
}

async function parse(
  operation: Operation,
  request: IncomingMessage,
  params: unknown,
  principal: Principal,
  door: Door,
): Promise<Exchange> {
  const route: Route = ROUTES[operation];
  const exchange = {
    operation,
    principal,
    door,
    ifMatch: route.ifMatch === true ? request.headers['if-match'] : undefined,
    params: validate(route.params, params, 'path'),
    query: validate(route.query, queryOf(request), 'query'),
    body:
      route.body === undefined
        ? undefined
        : validate(route.body, await readJson(request, route.maxBody), 'body'),
  };
  const key = route.idempotent === true ? idempotencyKey(request) : undefined;
  if (key === undefined) return { ...exchange, idempotency: undefined };
  const asked = JSON.stringify([operation, exchange.params, exchange.body]);
  return { ...exchange, idempotency: { key, requestHash: toHex(sha256(fromUtf8(asked))) } };
}

function queryOf(request: IncomingMessage): Record<string, string> {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  if (mark === -1) return {};
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(url.slice(mark + 1))) {
    if (Object.hasOwn(query, name))
      throw invalid([{ field: name.slice(0, 80), message: 'is given twice' }], 'query');
    Object.defineProperty(query, name, { value, enumerable: true });
  }
  return query;
}

type Schema = NonNullable<Route['body']> | undefined;

/** A route without a schema for a part takes nothing there. Throws `invalid_request` with every faulty field. */
function validate(schema: Schema, value: unknown, part: string): unknown {
  if (schema === undefined) {
    const [stray] = Object.keys(value ?? {});
    if (stray !== undefined)
      throw invalid([{ field: stray.slice(0, 80), message: 'is not known here' }], part);
    return {};
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, message }) => ({
      field: path.map(String).join('.').slice(0, 200),
      message: message.slice(0, 300),
    })),
    part,
  );
}

const invalid = (errors: readonly { field: string; message: string }[], part: string): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `${part}: ${errors
      .slice(0, 5)
      .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
      .join('; ')}`,
    rule: 'openapi.yaml',
    fix: 'Correct the fields.',
    errors: errors.slice(0, 20),
  });

function idempotencyKey(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new ChanceryError('invalid_idempotency_key', {
    message: 'the Idempotency-Key cannot be used',
    rule: '1 to 200 visible ASCII characters',
    fix: 'Send e.g. a random UUID.',
  });
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  route: Route,
  reply: Reply,
  door: Door,
): Promise<void> {
  const headers = { ...COMMON_HEADERS, 'x-request-id': door.requestId };
  if ('empty' in reply) {
    response.writeHead(route.status, headers).end();
  } else if ('lines' in reply) {
    response.writeHead(route.status, { ...headers, 'content-type': route.media ?? 'text/plain' });
    await pipeline(Readable.from(reply.lines), response);
  } else {
    // text, not octets: Node sends head and body of a text in one piece, one TLS record instead of two
    const body = JSON.stringify(reply.body);
    const etag = route.etag === true ? etagOf(body) : undefined;
    if (etag !== undefined && route.method === 'get' && isKnown(request.headers['if-none-match'], etag)) {
      response.writeHead(304, { ...headers, etag }).end();
      return;
    }
    response
      .writeHead(route.status, {
        ...headers,
        ...reply.headers,
        ...(etag === undefined ? {} : { etag }),
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      })
      .end(body);
  }
}

export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  requestId: string,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, headers, body } = problemReply(error, requestId);
  // a body that nobody reads any more must not be taken for the next request
  const unread = !request.complete;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    ...headers,
    ...(unread ? { connection: 'close' } : {}),
    'x-request-id': requestId,
    'content-length': Buffer.byteLength(body),
  });
  if (!unread) {
    response.end(body);
    return;
  }
  response.write(body);
  endWhenRead(request, response);
}
