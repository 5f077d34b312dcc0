/**
 * A small service that speaks mTLS by SPIFFE ID with nothing but Node: it serves, it calls its peer every second, and
 * it takes up a renewed certificate without dropping a connection.
 *
 * usage: service.ts --dir DIR --port PORT --peer-id SPIFFE_ID --peer-port PORT -- RENEW COMMAND…
 *
 * DIR holds cert.pem, key.pem, chain.pem and bundle.pem as `chancery cert issue --out DIR` writes them. The renew
 * command is run at half of the certificate's life. Events go to stdout, one JSON object a line.
 */
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { parseArgs } from 'node:util';

const { values, positionals: renewCommand } = parseArgs({
  options: {
    dir: { type: 'string', default: '.' },
    port: { type: 'string', default: '0' },
    'peer-id': { type: 'string', default: '' },
    'peer-port': { type: 'string', default: '0' },
  },
  allowPositionals: true,
});
const peerSubject = `URI:${values['peer-id']}`;

const say = (event: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

/** One generation of key, certificate and anchors. */
interface Pair {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly leaf: X509Certificate;
}

/** Reads the pair; `undefined` while the files do not belong together, as in the middle of a renewal. */
function readPair(): Pair | undefined {
  const read = (name: string): string => readFileSync(join(values.dir, name), 'utf8');
  const [leafPem, chain, key, ca] = [
    read('cert.pem'),
    read('chain.pem'),
    read('key.pem'),
    read('bundle.pem'),
  ];
  const leaf = new X509Certificate(leafPem);
  return leaf.checkPrivateKey(createPrivateKey(key)) ? { cert: leafPem + chain, key, ca, leaf } : undefined;
}

const tls = ({ cert, key, ca }: Pair) => ({ cert, key, ca, minVersion: 'TLSv1.3' as const });

function requirePair(): Pair {
  const pair = readPair();
  if (pair === undefined) throw new Error(`cert.pem and key.pem in ${values.dir} do not belong together`);
  return pair;
}

let pair = requirePair();
let agent = makeAgent(pair);
let calls = 0;
let failed = 0;

/** The peer is known by its SPIFFE ID; the host name in the URL means nothing. */
function makeAgent(current: Pair): Agent {
  return new Agent({
    ...tls(current),
    keepAlive: true,
    checkServerIdentity: (_host, certificate) =>
      certificate.subjectaltname === peerSubject
        ? undefined
        : new Error(`peer is ${certificate.subjectaltname ?? 'nobody'}`),
  });
}

const server = createServer(
  { ...tls(pair), requestCert: true, rejectUnauthorized: true },
  (incoming, response) => {
    const client = (incoming.socket as TLSSocket).getPeerX509Certificate();
    const known = client?.subjectAltName === peerSubject;
    response
      .writeHead(known ? 200 : 403, { 'content-type': 'text/plain' })
      .end(known ? 'hello\n' : 'I do not know you\n');
  },
);
server.listen(Number(values.port), '127.0.0.1', () =>
  say({ event: 'listening', serial: pair.leaf.serialNumber }),
);

function callPeer(): void {
  const outgoing = request(
    { host: '127.0.0.1', port: Number(values['peer-port']), agent, timeout: 5000 },
    (response) => {
      response.resume();
      const first = calls++ === 0;
      if (response.statusCode !== 200) fail(`status ${response.statusCode ?? 0}`);
      else if (first) say({ event: 'called', peer: values['peer-id'] });
    },
  );
  outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')));
  outgoing.on('error', (error) => fail(error.message));
  outgoing.end();
}

function fail(reason: string): void {
  // before the first good call the peer may not be there yet
  if (calls === 0) return;
  failed++;
  say({ event: 'failed', reason });
}

/** New connections use the new pair at once; open ones end in their own time. */
function takeUp(next: Pair): void {
  server.setSecureContext(tls(next));
  const before = agent;
  agent = makeAgent(next);
  setTimeout(() => before.destroy(), 6000);
  say({
    event: 'rotated',
    from: pair.leaf.serialNumber,
    to: next.leaf.serialNumber,
    until: new Date(next.leaf.validTo).toISOString().slice(0, 19) + 'Z',
    calls,
    failed,
  });
  pair = next;
}

let renewing = false;
function renewWhenDue(): void {
  const next = readPair();
  if (next !== undefined && next.leaf.serialNumber !== pair.leaf.serialNumber) takeUp(next);
  const until = Date.parse(pair.leaf.validTo);
  const due = started + (until - started) / 2;
  const [command, ...args] = renewCommand;
  if (renewing || command === undefined || Date.now() < due) return;
  renewing = true;
  execFile(command, args, (error, _stdout, stderr) => {
    renewing = false;
    started = Date.now();
    if (error !== null) say({ event: 'renewal-failed', reason: stderr.trim() });
    else renewWhenDue();
  });
}

// validFrom is backdated for clocks that lag, so the life is counted from when we got the certificate
let started = Date.now();
setInterval(callPeer, 1000);
setInterval(renewWhenDue, 1000);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
