/** A name server on loopback, UDP and TCP on one port, with an encoder of its own: the other side of src/validation/dns. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { parseIp } from '../../src/x509/ip.ts';

const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, CAA: 257 } as const;
export type FakeType = keyof typeof TYPES;

export interface FakeQuery {
  readonly id: number;
  /** As it came, with its case. */
  readonly name: string;
  readonly type: FakeType;
  readonly recursion: boolean;
  readonly hasOpt: boolean;
  readonly overTcp: boolean;
  /** The question section. */
  readonly question: Buffer;
  readonly fromPort: number;
}

export interface FakeRecord {
  readonly name: string;
  readonly type: FakeType;
  /** Text as in a zone file: an address, a name, one character string, `0 issue "ca.test"`. */
  readonly data: string | readonly string[];
}

export interface FakeReply {
  readonly rcode?: number;
  readonly answers?: readonly FakeRecord[];
  readonly authority?: readonly FakeRecord[];
  readonly additional?: readonly FakeRecord[];
  readonly authoritative?: boolean;
  readonly truncated?: boolean;
  readonly id?: number;
  /** Instead of the question that was asked. */
  readonly question?: Buffer;
  /** Octets that follow: what no record is. */
  readonly tail?: Buffer;
}

/** `undefined`: no answer. A Buffer goes out as it is, several one after the other. */
export type Answerer = (query: FakeQuery) => FakeReply | Buffer | readonly Buffer[] | undefined;

export class FakeDnsServer {
  readonly address: string;
  readonly port: number;
  readonly queries: FakeQuery[] = [];
  /** Replaces what the records say, where it gives an answer. `'records'` falls through to them. */
  answer: (query: FakeQuery) => ReturnType<Answerer> | 'records' = () => 'records';
  /** Whether TCP is listened on and then left without an answer. */
  silentTcp = false;
  readonly #records: FakeRecord[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #open = new Set<Socket>();
  #closed = false;

  constructor(address: string, udp: UdpSocket, tcp: Server) {
    this.address = address;
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = (tcp.address() as { port: number }).port;
    udp.on('message', (bytes, peer) => {
      for (const reply of this.#respond(bytes, false, peer.port)) udp.send(reply, peer.port, peer.address);
    });
    tcp.on('connection', (socket) => this.#serve(socket));
  }

  static async open(address = '127.0.0.1', port = 0): Promise<FakeDnsServer> {
    const tcp = createServer();
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject).listen(port, address, resolve);
    });
    const udp = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject).bind((tcp.address() as { port: number }).port, address, resolve);
    });
    return new FakeDnsServer(address, udp, tcp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
  }

  add(name: string, type: FakeType, ...data: readonly (string | readonly string[])[]): this {
    for (const one of data) this.#records.push({ name, type, data: one });
    return this;
  }

  clear(): this {
    this.#records.length = 0;
    this.answer = () => 'records';
    this.queries.length = 0;
    return this;
  }

  get asked(): string[] {
    return this.queries.map(({ name, type }) => `${type} ${name.toLowerCase()}`);
  }

  /** What the records say, aliases followed within them. NXDOMAIN where nothing is at or below the name. */
  lookup(query: FakeQuery): FakeReply {
    const answers: FakeRecord[] = [];
    let name = query.name.toLowerCase();
    for (let hops = 0; hops < 20; hops++) {
      const own = this.#records.filter((record) => record.name === name);
      answers.push(...own.filter(({ type }) => type === query.type));
      const alias = own.find(({ type }) => type === 'CNAME');
      if (alias === undefined || query.type === 'CNAME' || answers.includes(alias)) break;
      answers.push(alias);
      name = String(alias.data);
    }
    const exists = this.#records.some((record) => record.name === name || record.name.endsWith(`.${name}`));
    return { answers, authoritative: true, rcode: exists || answers.length > 0 ? 0 : 3 };
  }

  #respond(bytes: Buffer, overTcp: boolean, fromPort: number): readonly Buffer[] {
    const query = readQuery(bytes, overTcp, fromPort);
    this.queries.push(query);
    const chosen = this.answer(query);
    const reply = chosen === 'records' ? this.lookup(query) : chosen;
    if (reply === undefined) return [];
    if (Buffer.isBuffer(reply)) return [reply];
    return Array.isArray(reply) ? (reply as Buffer[]) : [encodeReply(query, reply as FakeReply)];
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.delete(socket));
    if (this.silentTcp) return;
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      for (const reply of this.#respond(received.subarray(2), true, socket.remotePort ?? 0)) {
        const prefix = Buffer.alloc(2);
        prefix.writeUInt16BE(reply.length);
        socket.write(prefix);
        socket.write(reply);
      }
    });
  }
}

function readQuery(bytes: Buffer, overTcp: boolean, fromPort: number): FakeQuery {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = bytes.readUInt16BE(at + 1);
  const type = (Object.keys(TYPES) as FakeType[]).find((name) => TYPES[name] === code);
  if (type === undefined) throw new Error(`nobody here asks for the type ${code}`);
  return {
    id: bytes.readUInt16BE(0),
    name: labels.join('.'),
    type,
    recursion: (bytes.readUInt16BE(2) & 0x0100) !== 0,
    hasOpt: bytes.readUInt16BE(10) === 1,
    overTcp,
    question: bytes.subarray(12, at + 5),
    fromPort,
  };
}

export function encodeReply(query: FakeQuery, reply: FakeReply): Buffer {
  const sections = [reply.answers ?? [], reply.authority ?? [], reply.additional ?? []];
  const header = Buffer.alloc(12);
  header.writeUInt16BE(reply.id ?? query.id, 0);
  header.writeUInt16BE(
    0x8000 |
      (reply.authoritative === true ? 0x0400 : 0) |
      (reply.truncated === true ? 0x0200 : 0) |
      (query.recursion ? 0x0180 : 0) |
      (reply.rcode ?? 0),
    2,
  );
  header.writeUInt16BE(1, 4);
  for (const [i, section] of sections.entries()) header.writeUInt16BE(section.length, 6 + 2 * i);
  return Buffer.concat([
    header,
    reply.question ?? query.question,
    ...sections.flat().map(encodeRecord),
    reply.tail ?? Buffer.alloc(0),
  ]);
}

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

const characterString = (text: string): Buffer =>
  Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);

export function encodeRecord({ name, type, data }: FakeRecord): Buffer {
  const rdata = encodeData(type, data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(rdata.length, 8);
  return Buffer.concat([encodeName(name), fixed, rdata]);
}

function encodeData(type: FakeType, data: string | readonly string[]): Buffer {
  const text = String(data);
  switch (type) {
    case 'A':
    case 'AAAA':
      return Buffer.from(parseIp(text) ?? []);
    case 'NS':
    case 'CNAME':
      return encodeName(text);
    case 'SOA':
      return Buffer.concat([encodeName('ns.test'), encodeName('root.test'), Buffer.alloc(20)]);
    case 'TXT':
      return Buffer.concat((typeof data === 'string' ? [data] : data).map(characterString));
    case 'CAA': {
      const [, flags = '0', tag = '', value = ''] = /^(\d+) (\S+) "(.*)"$/.exec(text) ?? [];
      return Buffer.concat([Buffer.of(Number(flags)), characterString(tag), Buffer.from(value, 'latin1')]);
    }
  }
}
