/** One GET over a connection that stands, its answer bounded in every direction. No agent, no keep-alive, no decoding. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { ProbeFault } from './fault.ts';
import type { Scope } from './scope.ts';

const MAX_HEADER_OCTETS = 16 * 1024;
/** 1xx answers before the real one. */
const MAX_INFORMATIONAL = 10;

export interface HttpAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** An octet a character; `undefined` unless the status is 200. */
  readonly body: string | undefined;
}

export interface HttpAsk {
  /** Path and query. */
  readonly path: string;
  /** The Host header. */
  readonly host: string;
  readonly maxBodyOctets: number;
}

/** Rejects with a ProbeFault, or with the scope's reason. The socket is gone afterwards. */
export function fetchOver(socket: Socket, ask: HttpAsk, scope: Scope): Promise<HttpAnswer> {
  return new Promise<HttpAnswer>((resolve, reject) => {
    let informational = 0;
    let answered = false;
    const fail = (fault: ProbeFault): void => {
      reject(scope.over ?? fault);
      socket.destroy();
    };
    const broken = (error?: NodeJS.ErrnoException): void => fail(brokenBy(error));
    request({
      createConnection: () => socket,
      method: 'GET',
      path: ask.path,
      setDefaultHeaders: false,
      headers: ['Host', ask.host, 'User-Agent', 'chancery', 'Accept', '*/*', 'Connection', 'close'],
      maxHeaderSize: MAX_HEADER_OCTETS,
      insecureHTTPParser: false,
    })
      .on('error', broken)
      .on('close', () => {
        if (!answered) broken();
      })
      .on('information', () => {
        if (++informational > MAX_INFORMATIONAL)
          fail(new ProbeFault('connection', 'the server sends 1xx answers without end'));
      })
      .once('response', (response: IncomingMessage) => {
        const status = response.statusCode ?? 0;
        const { location } = response.headers;
        if (status === 200) readBody(response, ask.maxBodyOctets, { done, fail, broken });
        else done({ status, location, body: undefined });
      })
      .end();

    function done(answer: HttpAnswer): void {
      answered = true;
      resolve(answer);
      socket.destroy();
    }
  });
}

interface Ends {
  readonly done: (answer: HttpAnswer) => void;
  readonly fail: (fault: ProbeFault) => void;
  readonly broken: (error?: NodeJS.ErrnoException) => void;
}

function readBody(response: IncomingMessage, maxOctets: number, { done, fail, broken }: Ends): void {
  const tooLong = (): void =>
    fail(new ProbeFault('incorrectResponse', `the body has over ${maxOctets} octets`));
  if (Number(response.headers['content-length'] ?? 0) > maxOctets) return tooLong();
  let body = '';
  response
    .setEncoding('latin1')
    .on('data', (chunk: string) => {
      body += chunk;
      if (body.length > maxOctets) tooLong();
    })
    .on('error', broken)
    .once('end', () => done({ status: 200, location: undefined, body }));
}

function brokenBy(error: NodeJS.ErrnoException | undefined): ProbeFault {
  const code = error?.code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ProbeFault('connection', `the headers have over ${MAX_HEADER_OCTETS} octets`);
  // the parser's own words quote what was sent
  if (code.startsWith('HPE_')) return new ProbeFault('connection', `the answer is no HTTP (${code})`);
  return new ProbeFault('connection', `the connection broke off${code === '' ? '' : ` (${code})`}`);
}
