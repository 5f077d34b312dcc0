/**
 * One question to one name server. By UDP from a fresh port with a random id and, to servers out in the world, random
 * upper and lower case (each of them one more thing that a forger has to guess); by TCP where the answer did not fit or
 * the case came back changed.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { CheckedAddress } from '../address-guard.ts';
import { ConnectFailure, connectTcp } from '../connect.ts';
import type { Scope } from '../scope.ts';
import { BadMessage, encodeQuery, type Message, type Question, RCODE, readMessage, TYPE } from './message.ts';

export interface NameServer {
  readonly address: CheckedAddress;
  readonly port: number;
}

/** What one server made of a question. The message ends "the name server ADDRESS …". */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** Milliseconds until a datagram is taken for lost, try by try. */
const UDP_PATIENCE = [1000, 2000] as const;
const TCP_PATIENCE = 4000;
/** Datagrams on our port that are not the answer. */
const MAX_STRAY = 50;
/** An answer by TCP could have 64 KiB. No name that somebody wants a certificate for needs that. */
const MAX_TCP_OCTETS = 16 * 1024;

/**
 * Asks until there is an answer to this very question. Rejects with NoAnswer, or with the scope's reason. The rcode is
 * the caller's to judge.
 */
export async function exchange(
  server: NameServer,
  question: Question,
  recursion: boolean,
  scope: Scope,
): Promise<Message> {
  const reply = await exchangeOnce(server, question, recursion, true, scope);
  // servers from before RFC 6891 refuse an OPT record
  const isOld = reply.rcode === RCODE.formatError || reply.rcode === RCODE.notImplemented;
  return isOld ? exchangeOnce(server, question, recursion, false, scope) : reply;
}

async function exchangeOnce(
  server: NameServer,
  question: Question,
  recursion: boolean,
  edns: boolean,
  scope: Scope,
): Promise<Message> {
  // a resolver is near and named by an operator; some small ones compare names octet by octet, against RFC 4343
  const name = recursion ? question.name : randomCase(question.name);
  const ask = { ...question, name, recursion, edns };
  for (const patience of UDP_PATIENCE) {
    const reply = await overUdp(server, { ...ask, id: randomInt(0x10000) }, patience, scope);
    if (reply === undefined) continue;
    const isWhole = !reply.truncated && reply.question?.name === ask.name;
    return isWhole ? reply : overTcp(server, { ...ask, id: randomInt(0x10000) }, scope);
  }
  throw new NoAnswer('did not answer in time');
}

type Ask = Parameters<typeof encodeQuery>[0];

/** `undefined` when nothing came in time. */
function overUdp(
  { address, port }: NameServer,
  ask: Ask,
  patience: number,
  scope: Scope,
): Promise<Message | undefined> {
  return new Promise((resolve, reject) => {
    scope.check();
    const query = encode(ask);
    let stray = 0;
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', lookup: literal });
    const done = (settle: () => void): void => {
      clearTimeout(timer);
      forget();
      close(socket);
      settle();
    };
    const timer = setTimeout(() => done(() => resolve(undefined)), patience);
    const forget = scope.onEnd((reason) => done(() => reject(reason)));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      done(() => reject(new NoAnswer(`cannot be reached: ${error.code ?? error.message}`))),
    );
    socket.on('message', (bytes) => {
      const read = readAnswer(bytes, ask);
      if (read.kind === 'answer') done(() => resolve(read.message));
      else if (read.kind === 'broken') done(() => reject(new NoAnswer(`sent a broken answer: ${read.why}`)));
      // somebody else's datagram: the right one may still come
      else if (++stray === MAX_STRAY) done(() => reject(new NoAnswer('sent answers to other questions')));
    });
    // a connected socket takes datagrams of this peer only, and hears when its port is closed
    socket.once('connect', () => socket.send(query));
    socket.connect(port, address);
  });
}

async function overTcp({ address, port }: NameServer, ask: Ask, scope: Scope): Promise<Message> {
  const query = encode(ask);
  let socket;
  try {
    socket = await connectTcp(address, port, scope, TCP_PATIENCE);
  } catch (error) {
    if (!(error instanceof ConnectFailure)) throw error;
    throw new NoAnswer(`cannot be reached by TCP: ${error.message}`);
  }
  const timer = setTimeout(() => socket.destroy(new Error('did not answer in time')), TCP_PATIENCE);
  try {
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(query.length);
    socket.write(Buffer.concat([prefix, query]));
    let received: Buffer = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (received.length < 2) continue;
      const length = received.readUInt16BE(0);
      if (length > MAX_TCP_OCTETS) throw new NoAnswer(`sent an answer of over ${MAX_TCP_OCTETS} octets`);
      if (received.length < 2 + length) continue;
      const read = readAnswer(received.subarray(2, 2 + length), ask);
      if (read.kind === 'answer') return read.message;
      throw new NoAnswer(
        read.kind === 'broken' ? `sent a broken answer: ${read.why}` : 'answered another question',
      );
    }
    throw new NoAnswer('closed the connection');
  } catch (error) {
    scope.check();
    if (error instanceof NoAnswer) throw error;
    throw new NoAnswer(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

type Read =
  | { readonly kind: 'answer'; readonly message: Message }
  | { readonly kind: 'stray' }
  | { readonly kind: 'broken'; readonly why: string };

/** What cannot be told from a forgery is stray; broken is what carries our id and question. */
function readAnswer(bytes: Buffer, ask: Ask): Read {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== ask.id) return { kind: 'stray' };
  try {
    const message = readMessage(bytes);
    const { question } = message;
    // FORMERR may come without the question; it leads to nothing but another try
    if (question === undefined && message.rcode === RCODE.formatError) return { kind: 'answer', message };
    const isOurs =
      question?.type === TYPE[ask.type] && question.name.toLowerCase() === ask.name.toLowerCase();
    return isOurs ? { kind: 'answer', message } : { kind: 'stray' };
  } catch (error) {
    if (error instanceof BadMessage) return { kind: 'broken', why: error.message };
    throw error;
  }
}

function encode(ask: Ask): Buffer {
  try {
    return encodeQuery(ask);
  } catch (error) {
    if (error instanceof BadMessage) throw new NoAnswer(`was not asked: ${error.message}`);
    throw error;
  }
}

/** Each letter in either case (draft-vixie-dnsext-dns0x20). */
export function randomCase(name: string): string {
  const seed = randomInt(2 ** 47);
  let bits = seed;
  let out = '';
  for (const char of name) {
    // 47 bits are enough for what has to be guessed; longer names repeat them
    bits = bits <= 1 ? seed : Math.floor(bits / 2);
    out += bits % 2 === 1 && char >= 'a' && char <= 'z' ? char.toUpperCase() : char;
  }
  return out;
}

/** Addresses are literal: nothing is looked up. */
const literal = (
  host: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void => callback(null, host, host.includes(':') ? 6 : 4);

function close(socket: UdpSocket): void {
  socket.removeAllListeners();
  socket.on('error', () => undefined);
  try {
    socket.close();
  } catch {
    // closed already
  }
}
