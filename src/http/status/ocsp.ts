/**
 * OCSP over HTTP (RFC 6960 appendix A, RFC 5019 5 and 6): POST and GET. An OCSP error is an answer too: HTTP 200, and
 * nobody may keep it. Whatever media type a request has, its octets are what is judged.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, type Instant, SECOND } from '../../base/clock.ts';
import type { OcspAnswer } from '../../domain/revocation/ocsp-answers.ts';
import { type Bytes, sha256, toHex, toLatin1 } from '../../x509/bytes.ts';

export interface OcspPorts {
  readonly clock: Clock;
  readonly answer: (request: Bytes) => OcspAnswer | Promise<OcspAnswer>;
}

/** Octets of a request: one has about 120, one for sixteen certificates with every extension under 2,000. */
const REQUEST_LIMIT = 4096;
/** How long a cache may give an answer to others: a revocation is to be seen within a minute. */
const MAX_AGE = 30;

const isOcsp = (url: string): boolean =>
  url === '/ocsp' || url.startsWith('/ocsp/') || url.startsWith('/ocsp?');

/** Answers what is meant for it; false for any other path. */
export function createOcspHandler({
  clock,
  answer,
}: OcspPorts): (request: IncomingMessage, response: ServerResponse) => boolean {
  const outbox = new Outbox();
  const reply = (request: IncomingMessage, response: ServerResponse, octets: Bytes): void => {
    const given = answer(octets);
    if (given instanceof Promise)
      given.then(
        (later) => send(request, response, later, clock.now()),
        () => response.destroy(),
      );
    else if (given.cached) send(request, response, given, clock.now());
    else outbox.put(() => send(request, response, given, clock.now()));
  };
  return (request, response) => {
    const url = request.url ?? '';
    if (!isOcsp(url)) return false;
    switch (request.method) {
      case 'POST':
        readRequest(request, (octets) => reply(request, response, octets));
        return true;
      case 'GET':
      case 'HEAD':
        request.resume();
        reply(request, response, requestOf(url));
        return true;
      default:
        request.resume();
        response.writeHead(405, {
          allow: 'GET, HEAD, POST',
          'content-length': 0,
          'cache-control': 'no-store',
        });
        response.end();
        return true;
    }
  };
}

/**
 * Answers that had to be signed leave together, once everything that has arrived is signed: each write that wakes a
 * sleeping client up costs as much as a signature, and one of a row does.
 */
class Outbox {
  #waiting: (() => void)[] = [];

  put(letter: () => void): void {
    if (this.#waiting.push(letter) > 1) return;
    setImmediate(() => {
      const letters = this.#waiting;
      this.#waiting = [];
      for (const post of letters) post();
    });
  }
}

/** What no reader takes for a request. */
const NOTHING: Bytes = new Uint8Array(0);

/** Hands over the body once it is whole, or nothing as soon as it is too long; the rest of that is not kept. */
function readRequest(request: IncomingMessage, done: (octets: Bytes) => void): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    const before = length;
    length += chunk.length;
    if (length > REQUEST_LIMIT) {
      // answered at the first octet too many; Node reads on until the body ends or its time is up
      first = more = undefined;
      if (before <= REQUEST_LIMIT) done(NOTHING);
    } else if (first === undefined) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on('end', () => {
    if (length <= REQUEST_LIMIT) done(more === undefined ? (first ?? NOTHING) : Buffer.concat(more));
  });
}

/** The base64 after `/ocsp/`: percent-encoded or not, with padding or without. */
function requestOf(url: string): Bytes {
  const end = url.indexOf('?');
  const text = unescapeText(url.slice('/ocsp/'.length, end < 0 ? undefined : end)).replace(/^\/+/, '');
  if (text.length > REQUEST_LIMIT * 2 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return NOTHING;
  return Buffer.from(text, 'base64');
}

function unescapeText(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

interface Rendered {
  /** The octets as text: head and body leave in one write, which costs less than two that are gathered. */
  readonly text: string;
  readonly etag: string;
  readonly lastModified: string;
  readonly modifiedAt: Instant;
}

/** Of an answer that is given again they are made once. */
const rendered = new WeakMap<OcspAnswer, Rendered>();

function renderedOf(answer: OcspAnswer, thisUpdate: Instant): Rendered {
  let known = rendered.get(answer);
  if (known === undefined) {
    const etag = `"${toHex(sha256(answer.der))}"`;
    const text = toLatin1(answer.der);
    known = { text, etag, lastModified: httpDate(thisUpdate), modifiedAt: thisUpdate };
    rendered.set(answer, known);
  }
  return known;
}

const ANSWER = ['content-type', 'application/ocsp-response', 'x-content-type-options', 'nosniff'];
const FOR_NOBODY_ELSE = [...ANSWER, 'cache-control', 'no-store'];

function send(request: IncomingMessage, response: ServerResponse, answer: OcspAnswer, now: Instant): void {
  const { der, validity } = answer;
  if (validity === undefined) {
    response.writeHead(200, [...FOR_NOBODY_ELSE, 'content-length', String(der.length)]);
    response.end(toLatin1(der), 'latin1');
    return;
  }
  const maxAge = Math.max(0, Math.min(MAX_AGE, Math.floor((validity.nextUpdate - now) / SECOND)));
  const { text, etag, lastModified, modifiedAt } = renderedOf(answer, validity.thisUpdate);
  const expires = httpDate(now + maxAge * SECOND);
  const caching = [
    'cache-control',
    cacheControl(maxAge),
    'expires',
    expires,
    'etag',
    etag,
    'last-modified',
    lastModified,
  ];
  if (request.method !== 'POST' && isKnown(request, etag, modifiedAt)) {
    response.writeHead(304, caching);
    response.end();
    return;
  }
  response.writeHead(200, [...ANSWER, 'content-length', String(der.length), ...caching]);
  response.end(text, 'latin1');
}

const cacheControls = Array.from(
  { length: MAX_AGE + 1 },
  (_, seconds) => `max-age=${seconds}, public, no-transform, must-revalidate`,
);
const cacheControl = (seconds: number): string => cacheControls[seconds] ?? 'no-store';

/** RFC 9110 13.2.2: the entity tag decides where there is one. */
function isKnown({ headers }: IncomingMessage, etag: string, modifiedAt: Instant): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined)
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  const since = headers['if-modified-since'];
  return since !== undefined && Date.parse(since) >= modifiedAt;
}

let lastSecond = NaN;
let lastDate = '';

/** RFC 9110 5.6.7. Many answers of one second share it. */
function httpDate(instant: Instant): string {
  const second = Math.floor(instant / SECOND);
  if (second === lastSecond) return lastDate;
  lastSecond = second;
  return (lastDate = new Date(second * SECOND).toUTCString());
}
