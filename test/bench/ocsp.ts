/**
 * OCSP answers per CPU-second, kept ones and freshly signed ones, as a share of the P-256 signatures that `openssl speed`
 * makes on the same machine, and beside cfssl's responder with answers signed beforehand; all in one interleaved run.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { toBase64 } from '../../src/x509/bytes.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { decodePemOne } from '../../src/x509/pem.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { freePorts } from '../support/free-ports.ts';
import { makeCsr } from '../support/running-server.ts';
import { type Installation, install, pause, spawnServer } from '../support/spawned-server.ts';
import type { Measured } from './load.ts';
import { type PlainTarget, postRequest, runPlain } from './plain-load.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const CERTIFICATES = 200;
const CONNECTIONS = [1, 16, 64];
const WARM = 3000;
const SLICE = 1000;
const TYPE = 'application/ocsp-request';

export async function benchOcsp(options: { readonly peers: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-bench-'));
  const at = await install();
  const server = await spawnServer(at);
  let cfssl: { readonly target: PlainTarget; stop(): void } | undefined;
  try {
    const certIds = await issueSome(at);
    const kept = ownTarget('chancery, kept answers', at, server.process.pid ?? 0, certIds, false);
    const fresh = ownTarget('chancery, signed each (nonce)', at, server.process.pid ?? 0, certIds, true);
    if (options.peers) cfssl = await startCfssl(folder, at, certIds);
    const targets = [kept, fresh, ...(cfssl === undefined ? [] : [cfssl.target])];
    for (const target of targets) await runPlain(target, 16, WARM);
    const results = new Map<string, Measured[]>();
    const speeds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      speeds.push(signaturesPerSecond());
      for (const connections of CONNECTIONS)
        for (const target of targets) {
          const key = `${target.label}|${connections}`;
          results.set(key, [...(results.get(key) ?? []), await runPlain(target, connections, SLICE)]);
        }
    }
    print(results, speeds);
  } finally {
    cfssl?.stop();
    await server.kill('SIGTERM');
    await at.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** What `openssl speed` says of one CPU-second. */
function signaturesPerSecond(): number {
  const output = execFileSync('openssl', ['speed', '-seconds', '2', 'ecdsap256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const rate = Number(/nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(output)?.[1]);
  if (!(rate > 0)) throw new Error(`openssl speed said ${output}`);
  return rate;
}

/** CertIDs of certificates that were just issued. */
async function issueSome(at: Installation): Promise<Uint8Array[]> {
  const [ca, cert, key] = await Promise.all(
    ['roots.pem', 'admin/cert.pem', 'admin/key.pem'].map((name) => readFile(join(at.data, name), 'utf8')),
  );
  const agent = new Agent({ ca, cert, key, keepAlive: true, maxSockets: 8 });
  const { csr } = await makeCsr([{ kind: 'dns', value: 'bench.example.test' }]);
  const issue = (): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const url = `https://localhost:${at.https}/api/v1/certificates`;
      const headers = { 'content-type': 'application/json' };
      const outgoing = request(url, { agent, method: 'POST', headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => {
          const { certificate, chain } = JSON.parse(text) as { certificate: string; chain: string[] };
          const issuer = readCertificate(decodePemOne(chain[0] ?? '', 'CERTIFICATE'));
          const { serial } = readCertificate(decodePemOne(certificate, 'CERTIFICATE'));
          const named = { subject: issuer.subject, keyBits: readPublicKey(issuer.spki).keyBits };
          resolve(encodeCertId('sha1', named, serial));
        });
      });
      outgoing.on('error', reject).end(JSON.stringify({ profile: 'server', csr }));
    });
  const certIds = await Promise.all(Array.from({ length: CERTIFICATES }, issue));
  agent.destroy();
  return certIds;
}

/** An answer is long, an error has five octets. */
const isAnswer = (body: Buffer): boolean => body.length > 100;

function ownTarget(
  label: string,
  at: Installation,
  pid: number,
  certIds: readonly Uint8Array[],
  nonces: boolean,
): PlainTarget {
  const plain = certIds.map((certId) => postRequest('/ocsp', TYPE, encodeOcspRequest([certId])));
  let next = 0;
  const asked = (): Buffer => {
    const n = next++ % certIds.length;
    const certId = certIds[n];
    if (!nonces || certId === undefined) return plain[n] ?? Buffer.alloc(0);
    return postRequest('/ocsp', TYPE, encodeOcspRequest([certId], randomBytes(32)));
  };
  return { label, pid, port: at.status, request: asked, isGood: isAnswer };
}

const BINARY = [
  join(homedir(), '.cache', 'chancery-peers', 'bin'),
  ...(process.env['PATH'] ?? '').split(delimiter),
]
  .map((folder) => join(folder, 'cfssl'))
  .find(existsSync);

/** cfssl serves our own answers, which it reads from a file. */
async function startCfssl(
  folder: string,
  at: Installation,
  certIds: readonly Uint8Array[],
): Promise<{ readonly target: PlainTarget; stop(): void } | undefined> {
  if (BINARY === undefined) {
    process.stderr.write(
      'no cfssl: CGO_ENABLED=0 go install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5, and put it on PATH\n',
    );
    return undefined;
  }
  const requests = certIds.map((certId) => encodeOcspRequest([certId]));
  const answers = await Promise.all(
    requests.map(async (body) => {
      const options = { method: 'POST', body: Buffer.from(body) };
      const answer = await fetch(`http://127.0.0.1:${at.status}/ocsp`, options);
      return toBase64(Buffer.from(await answer.arrayBuffer()));
    }),
  );
  await writeFile(join(folder, 'responses'), `${answers.join('\n')}\n`);
  const [port = 0] = await freePorts(1);
  const where = ['-address', '127.0.0.1', '-port', String(port), '-path', '/'];
  const child = spawn(
    BINARY,
    ['ocspserve', '-loglevel', '5', ...where, '-responses', join(folder, 'responses')],
    { stdio: 'ignore' },
  );
  await pause(1000);
  const plain = requests.map((body) => postRequest('/', TYPE, body));
  let next = 0;
  const target = {
    label: 'cfssl 1.6.5 ocspserve, answers signed before',
    ...{ pid: child.pid ?? 0, port, isGood: isAnswer },
    request: () => plain[next++ % plain.length] ?? Buffer.alloc(0),
  };
  return { target, stop: () => child.kill('SIGTERM') };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function print(results: ReadonlyMap<string, readonly Measured[]>, speeds: readonly number[]): void {
  const speed = median(speeds);
  const spread = `${Math.min(...speeds).toFixed(0)}–${Math.max(...speeds).toFixed(0)}`;
  process.stdout.write(`openssl speed: ${speed.toFixed(0)} [${spread}] P-256 signatures per CPU-second\n`);
  process.stdout.write(
    '| responder | connections | answers per CPU-second | share | per second | p50 / p99 ms | RSS MiB | failed |\n|---|---|---|---|---|---|---|---|\n',
  );
  const rates = new Map<string, number>();
  for (const [key, measured] of results) {
    const [label = '', connections = ''] = key.split('|');
    const perCpu = measured.map(({ requests, cpuSeconds }) => requests / cpuSeconds);
    const rate = median(perCpu);
    rates.set(key, rate);
    const range = `${Math.min(...perCpu).toFixed(0)}–${Math.max(...perCpu).toFixed(0)}`;
    const wall = median(measured.map(({ requests, seconds }) => requests / seconds)).toFixed(0);
    const [p50, p99] = [median(measured.map((one) => one.p50)), median(measured.map((one) => one.p99))];
    const rss = Math.max(...measured.map(({ rssMiB }) => rssMiB)).toFixed(0);
    const failed = measured.reduce((sum, one) => sum + one.failed, 0);
    process.stdout.write(
      `| ${label} | ${connections} | ${rate.toFixed(0)} [${range}] | ${(rate / speed).toFixed(2)} | ${wall} | ${p50.toFixed(2)} / ${p99.toFixed(2)} | ${rss} | ${failed} |\n`,
    );
  }
  for (const connections of CONNECTIONS) {
    const own = rates.get(`chancery, kept answers|${connections}`);
    const other = rates.get(`cfssl 1.6.5 ocspserve, answers signed before|${connections}`);
    if (own !== undefined && other !== undefined)
      process.stdout.write(`kept to cfssl at ${connections}: ${(own / other).toFixed(2)}\n`);
  }
}
