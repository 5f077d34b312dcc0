/** ACME over HTTP: paths, headers and problem documents. What a request means is decided in domain/acme. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AcmeCall, AcmeReply, DirectoryPolicy } from '../../domain/acme/context.ts';
import { AcmeProblem, asProblem, notFound, problemDocument } from '../../domain/acme/problem.ts';
import { type AcmeServer, GET_RESOURCES, isPostResource } from '../../domain/acme/server.ts';
import type { Door } from '../../domain/identity/principal.ts';
import { readBody } from '../body.ts';
import { endWhenRead } from '../linger.ts';

/** What happened to a request, for logs and metrics. */
export interface AcmeAnswered {
  /** The template: `/acme/{issuer}/order/{id}`. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
  readonly requestId: string;
  /** Of the problem, without its namespace. */
  readonly problem: string | undefined;
  readonly detail: string | undefined;
  /** What went wrong inside. */
  readonly error: unknown;
}

export const ACME_PREFIX = '/acme/';
const JOSE = 'application/jose+json';
const PROBLEM = 'application/problem+json';

/** The characters of ids: no percent-encoding, no second way to write a path. */
const SEGMENT = /^[A-Za-z0-9._~-]+$/;

interface Target {
  readonly directory: DirectoryPolicy;
  readonly resource: string;
  readonly id: string | undefined;
  readonly part: string | undefined;
}

export function createAcmeListener(
  server: AcmeServer,
  answered: (answered: AcmeAnswered) => void,
): RequestListener {
  return (request, response) => {
    void serve(server, answered, request, response);
  };
}

async function serve(
  server: AcmeServer,
  answered: (answered: AcmeAnswered) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const started = performance.now();
  const address = request.socket.remoteAddress;
  const door: Door = {
    name: 'acme',
    requestId: randomUUID(),
    ...(address === undefined ? {} : { address }),
  };
  let target: Target | undefined;
  let problem: AcmeProblem | undefined;
  try {
    target = findTarget(server, request.url ?? '');
    const reply = await answer(server, target, request, door);
    send(server, target, request, response, reply, door);
  } catch (error) {
    problem = asProblem(error);
    sendProblem(server, target, request, response, problem, door);
  }
  answered({
    route: target === undefined ? 'none' : template(target),
    method: request.method ?? '',
    status: response.statusCode,
    seconds: (performance.now() - started) / 1000,
    requestId: door.requestId,
    problem: problem?.type,
    detail: problem?.message,
    error: problem?.cause,
  });
}

function findTarget(server: AcmeServer, url: string): Target {
  const [issuer = '', resource = '', id, part, ...more] = url.slice(ACME_PREFIX.length).split('/', 5);
  const directory = server.ports.directories.get(issuer);
  if (directory === undefined) throw notFound('directory');
  const known = GET_RESOURCES.has(resource) || isPostResource(resource);
  if (!known || more.length > 0 || ![id, part].every((text) => text === undefined || SEGMENT.test(text)))
    throw notFound('resource');
  return { directory, resource, id, part };
}

const template = ({ resource, id, part }: Target): string =>
  `${ACME_PREFIX}{issuer}/${resource}${id === undefined ? '' : '/{id}'}${part === undefined ? '' : '/{part}'}`;

async function answer(
  server: AcmeServer,
  target: Target,
  request: IncomingMessage,
  door: Door,
): Promise<AcmeReply> {
  const { method = '' } = request;
  const [readable, postable] = [GET_RESOURCES.has(target.resource), isPostResource(target.resource)];
  if (readable && (method === 'GET' || method === 'HEAD')) return read(server, target, method);
  if (!postable || method !== 'POST')
    throw notAllowed([...(readable ? ['GET', 'HEAD'] : []), ...(postable ? ['POST'] : [])].join(', '));
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== JOSE)
    throw new AcmeProblem('malformed', {
      detail: `the Content-Type is not ${JOSE} (RFC 8555 6.2)`,
      status: 415,
    });
  const body = await readBody(request);
  const call: AcmeCall = {
    ...target,
    url: `${server.ports.url}/${(request.url ?? '').slice(ACME_PREFIX.length)}`,
    body: body.toString('utf8'),
    door,
  };
  return server.post(call);
}

function read(server: AcmeServer, { directory, resource, id, part }: Target, method: string): AcmeReply {
  if (resource === 'renewal-info' && part === undefined) return server.renewalInfo(directory, id);
  if (id !== undefined) throw notFound('resource');
  // RFC 8555 7.2: 200 for HEAD, 204 for GET
  if (resource === 'new-nonce') return { status: method === 'HEAD' ? 200 : 204 };
  return { status: 200, body: server.directory(directory) };
}

const notAllowed = (allowed: string): AcmeProblem =>
  new AcmeProblem('malformed', {
    detail: `the method is not allowed here: ${allowed} (RFC 8555 6.3)`,
    status: 405,
    allowed,
  });

type Headers = Record<string, string | string[]>;

/** RFC 8555 6.5.1, 7.1: a fresh nonce, and the way to the directory, on every answer. */
function commonHeaders(server: AcmeServer, target: Target | undefined, door: Door, links: string[]): Headers {
  const directory =
    target === undefined || target.resource === 'directory'
      ? []
      : [link(`${server.ports.url}/${target.directory.issuer}/directory`, 'index')];
  const all = [...directory, ...links];
  return {
    'replay-nonce': server.nonce(),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': door.requestId,
    ...(all.length > 0 && { link: all }),
  };
}

const link = (url: string, relation: string): string => `<${url}>;rel="${relation}"`;

function send(
  server: AcmeServer,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
  reply: AcmeReply,
  door: Door,
): void {
  const { status, body, type, location, links = [], retryAfter } = reply;
  const headers = commonHeaders(
    server,
    target,
    door,
    links.map(({ url, relation }) => link(url, relation)),
  );
  if (location !== undefined) headers['location'] = location;
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  // text, not octets: Node sends head and body of a text in one piece, one TLS record instead of two
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  if (text !== undefined) headers['content-type'] = type ?? 'application/json';
  if (status !== 204) headers['content-length'] = String(text === undefined ? 0 : Buffer.byteLength(text));
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : text);
}

function sendProblem(
  server: AcmeServer,
  target: Target | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  problem: AcmeProblem,
  door: Door,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { retryAfter, location, link: way, allowed } = problem.detail;
  const headers = commonHeaders(server, target, door, way === undefined ? [] : [link(way.url, way.relation)]);
  const text = JSON.stringify(problemDocument(problem));
  headers['content-type'] = PROBLEM;
  headers['content-length'] = String(Buffer.byteLength(text));
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  if (location !== undefined) headers['location'] = location;
  if (allowed !== undefined) headers['allow'] = allowed;
  // a body that nobody reads any more must not be taken for the next request
  const unread = !request.complete;
  if (unread) headers['connection'] = 'close';
  response.writeHead(problem.status, headers);
  if (!unread) {
    response.end(request.method === 'HEAD' ? undefined : text);
    return;
  }
  response.write(text);
  endWhenRead(request, response);
}
