/** Files behind long answers are closed, whoever ends first. */
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DAY, SECOND } from '../../src/base/clock.ts';
import { createCrlBundleHandler } from '../../src/http/status/crl-bundle.ts';
import { createCrlHandler, type ServedCrl } from '../../src/http/status/crl.ts';
import { sendStream } from '../../src/http/status/stream.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const SIZE = 64 * 1024 * 1024;
const long = (body: () => Promise<Readable>): ServedCrl => ({
  ...{ number: 7n, sha256: 'ab'.repeat(32), size: SIZE, thisUpdate: NOON, nextUpdate: NOON + DAY },
  body,
});

/** As much as is asked for. */
const endless = (): Readable =>
  new Readable({
    read() {
      this.push(Buffer.alloc(64 * 1024));
    },
  });

async function serve(listener: Parameters<typeof createServer>[1]): Promise<number> {
  const server: Server = createServer(listener);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('a client that leaves while the file is opened does not keep it open', async () => {
  const file = endless();
  let asked: () => void = () => undefined;
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  let gone: Promise<unknown> | undefined;
  let opened: (file: Readable) => void = () => undefined;
  const crl = createCrlHandler({
    now: () => NOON,
    rootCrl: () => Promise.resolve(undefined),
    crl: () =>
      Promise.resolve(
        long(() => {
          asked();
          return new Promise((resolve) => (opened = resolve));
        }),
      ),
  });
  const port = await serve((incoming, response) => {
    gone = new Promise((resolve) => response.once('close', resolve));
    crl(incoming, response);
  });
  const client = request({ port, path: '/crl/servers-1/full.crl' }).end();
  client.on('error', () => undefined);
  await wasAsked;
  client.destroy();
  await gone;
  opened(file);
  await vi.waitFor(() => expect(file.destroyed).toBe(true));
});

test('a client that takes nothing is let go, and the file with it', async () => {
  const file = endless();
  const port = await serve((incoming, response: ServerResponse) => {
    incoming.resume();
    sendStream(response, file, 100);
  });
  const client = request({ port, path: '/' }, (answer) => answer.pause()).end();
  client.on('error', () => undefined);
  await vi.waitFor(() => expect(file.destroyed).toBe(true), 5 * SECOND);
});

test('a client that takes its time is not let go', async () => {
  const file = Readable.from([Buffer.alloc(1000), Buffer.alloc(1000)]);
  const port = await serve((incoming, response: ServerResponse) => {
    incoming.resume();
    sendStream(response, file, SECOND);
  });
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  await sleep(50);
  expect((await answer.arrayBuffer()).byteLength).toBe(2000);
});

test('of a bundle whose second file cannot be opened, the first is closed again', async () => {
  const file = endless();
  const bundle = createCrlBundleHandler({
    now: () => NOON,
    bundle: () =>
      Promise.resolve([
        long(() => Promise.resolve(file)),
        long(() => Promise.reject(new Error('it is not there'))),
      ]),
  });
  const port = await serve((incoming, response) => void bundle(incoming, response));
  expect((await fetch(`http://127.0.0.1:${port}/crl/servers.pem`)).status).toBe(503);
  expect(file.destroyed).toBe(true);
});
