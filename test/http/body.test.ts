/** Bodies that end early. */
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { readBody } from '../../src/http/body.ts';

/** A request whose body has begun, on a server of its own. */
async function halfARequest(): Promise<{ readonly request: IncomingMessage; readonly hangUp: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a"');
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  return { request, hangUp: () => client.destroy() };
}

test('a body is cut off when the client hangs up while it is read', async () => {
  const { request, hangUp } = await halfARequest();
  const body = readBody(request);
  hangUp();
  await expect(body).rejects.toMatchObject({ code: 'invalid_request', message: 'the body was cut off' });
});

test('a body is cut off when the client hung up before anybody read it', async () => {
  const { request, hangUp } = await halfARequest();
  hangUp();
  await new Promise((closed) => request.once('close', closed));
  await expect(readBody(request)).rejects.toMatchObject({ message: 'the body was cut off' });
});
