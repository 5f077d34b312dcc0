/** A closed loop of ready-made plain HTTP requests over keep-alive sockets: cheap enough not to be what is measured. */
import { connect, type Socket } from 'node:net';
import type { Measured } from './load.ts';
import { treeUsage } from './process-tree.ts';

export interface PlainTarget {
  readonly label: string;
  readonly pid: number;
  readonly port: number;
  /** Octets of the next request, head and body. */
  readonly request: () => Buffer;
  /** Whether the body of an answer is a good one. */
  readonly isGood: (body: Buffer) => boolean;
}

export const postRequest = (path: string, type: string, body: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });

/** The body of the one answer that `octets` begin with, once it is whole. */
function wholeBody(octets: Buffer): Buffer | undefined {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = octets.toString('latin1', 0, end);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? NaN);
  if (!head.startsWith('HTTP/1.1 200') || Number.isNaN(length)) throw new Error(head);
  return octets.length >= end + 4 + length ? octets.subarray(end + 4, end + 4 + length) : undefined;
}

function exchange(socket: Socket, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let octets: Buffer = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      octets = octets.length === 0 ? chunk : Buffer.concat([octets, chunk]);
      try {
        const body = wholeBody(octets);
        if (body === undefined) return;
        socket.off('data', take);
        resolve(body);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.on('data', take);
    socket.write(request);
  });
}

export async function runPlain(
  target: PlainTarget,
  connections: number,
  milliseconds: number,
): Promise<Measured> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target.port)));
  const before = treeUsage(target.pid);
  const started = performance.now();
  const times: number[] = [];
  let failed = 0;
  const client = async (socket: Socket): Promise<void> => {
    while (performance.now() - started < milliseconds) {
      const begin = performance.now();
      if (target.isGood(await exchange(socket, target.request()))) times.push(performance.now() - begin);
      else failed++;
    }
  };
  await Promise.all(sockets.map(client));
  const seconds = (performance.now() - started) / 1000;
  const after = treeUsage(target.pid);
  for (const socket of sockets) socket.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    ...{ requests: times.length, failed, seconds, rssMiB: after.rssMiB },
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    ...{ p50: at(0.5), p99: at(0.99) },
  };
}
