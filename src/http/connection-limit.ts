/**
 * A cap on open connections per address. Over it somebody has to go: the oldest connection of that address that never
 * asked anything, else the oldest that asks nothing now. So whoever only holds connections open loses them to whoever
 * uses one, even behind the same address.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

interface Connection {
  readonly socket: Socket;
  /** Whether it ever sent a whole request head. */
  asked: boolean;
  /** Requests that are being answered. */
  active: number;
}

/** By remote port, in the order in which they came. */
type Connections = Map<number, Connection>;

export function limitConnections(server: Server, perAddress: number): void {
  const open = new Map<string, Connections>();

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || port === undefined) return; // gone already
    const connections = open.get(address) ?? new Map<number, Connection>();
    open.set(address, connections);
    if (connections.size >= perAddress && !evict(connections)) {
      socket.destroy();
      return;
    }
    connections.set(port, { socket, asked: false, active: 0 });
    socket.once('close', () => {
      if (connections.get(port)?.socket === socket) connections.delete(port);
      if (connections.size === 0 && open.get(address) === connections) open.delete(address);
    });
  });

  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = open.get(socket.remoteAddress ?? '')?.get(socket.remotePort ?? 0);
    if (connection === undefined) return;
    connection.asked = true;
    connection.active++;
    response.once('close', () => connection.active--);
  });
}

/** Closes the connection that is missed least; false when all of them are being answered. */
function evict(connections: Connections): boolean {
  let victim: [number, Connection] | undefined;
  for (const entry of connections) {
    const [, { asked, active }] = entry;
    if (active > 0) continue;
    victim ??= entry;
    if (asked) continue;
    victim = entry;
    break;
  }
  if (victim === undefined) return false;
  const [port, { socket }] = victim;
  connections.delete(port);
  socket.destroy();
  return true;
}
