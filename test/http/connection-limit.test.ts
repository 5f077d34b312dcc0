import { createServer, request, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limitConnections } from '../../src/http/connection-limit.ts';

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  server?.close();
});

async function listen(limit: number, answer: (done: () => void) => void = (done) => done()): Promise<number> {
  server = createServer((_request, response) => answer(() => response.end('ok')));
  limitConnections(server, limit);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

async function hold(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

const ask = (port: number): Promise<number> =>
  new Promise((resolve) => {
    request({ port, host: '127.0.0.1' }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', () => resolve(0))
      .end();
  });

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('who only holds connections loses the oldest to who uses one', async () => {
  const port = await listen(5);
  const held = [];
  for (let i = 0; i < 20; i++) held.push(await hold(port));
  await settled();
  expect(held.filter((socket) => !socket.destroyed && !socket.readableEnded).length).toBeLessThanOrEqual(5);
  expect(await ask(port)).toBe(200);
});

test('a connection that is being answered is never closed for another', async () => {
  const waiting: (() => void)[] = [];
  const port = await listen(2, (done) => waiting.push(done));
  const busy = [ask(port), ask(port)];
  await settled();
  const third = await hold(port);
  await settled();
  expect(third.destroyed || third.readableEnded).toBe(true);
  for (const done of waiting) done();
  expect(await Promise.all(busy)).toEqual([200, 200]);
});

test('connections that end make room', async () => {
  const port = await listen(3);
  for (let i = 0; i < 10; i++) expect(await ask(port)).toBe(200);
});
