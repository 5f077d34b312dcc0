/** Whole http-01 orders over HTTPS, durable and audited, beside step-ca and Caddy in one interleaved run. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeDnsServer } from '../fakes/dns-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Installation, install, type SpawnedServer, spawnServer } from '../support/spawned-server.ts';
import { AcmeLoad, type AcmeMeasured, type AcmeTarget, ChallengeResponder } from './acme-load.ts';
import { startCaddy } from './caddy.ts';
import { startStepCa } from './step-ca.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const WARM = 8000;
const SLICE = 1000;
const CONNECTIONS = [1, 16];
/** Orders of the long run; the kit of acceptance asks for 20,000. */
const LONG = Number(process.env['BENCH_ORDERS'] ?? 20_000);
/** Every name leads here: all of 127/8 is this machine, and nobody else's ports 53 and 80 are on it. */
const WEB = '127.83.1.1';
const ZONE = 'perf.example.test';

const CONFIGURATION = (resolver: string): string => `
grants:
  - { name: acme-hosts, principal: "acme:**", verbs: [issue, renew, revoke], issuer: servers, profiles: [server], dns: ["**.example.test"] }
acme: { validation: { resolver: "${resolver}", allow: ["127.0.0.0/8"] } }`;

export async function benchAcme(options: { readonly peers: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-bench-'));
  await using dns = await openDns();
  const responder = await ChallengeResponder.open(WEB, 80);
  const resolver = `${dns.address}:${dns.port}`;
  const at = await install(CONFIGURATION(resolver));
  const server = await spawnServer(at);
  const peers = options.peers ? await startPeers(folder, resolver) : [];
  try {
    const targets = [await ownTarget(at, server), ...peers.map(({ target }) => target)];
    const loads = targets.map((target) => new AcmeLoad(target, responder, ZONE));
    for (const load of loads) await load.register();
    for (const load of loads) await load.runFor(16, WARM);
    const results = new Map<string, AcmeMeasured[]>();
    for (let round = 0; round < ROUNDS; round++)
      for (const connections of CONNECTIONS)
        for (const load of loads) {
          const key = `${load.target.label}|${connections}`;
          results.set(key, [...(results.get(key) ?? []), await load.runFor(connections, SLICE)]);
        }
    print(results);
    const [own] = loads;
    if (own !== undefined) await longRuns(own);
    for (const load of loads) {
      for (const failure of load.failures) process.stdout.write(`${load.target.label}: ${failure}\n`);
      load.close();
    }
  } finally {
    for (const peer of peers) peer.stop();
    await server.kill('SIGTERM');
    responder.close();
    await at.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function openDns(): Promise<FakeDnsServer> {
  const dns = await FakeDnsServer.open(WEB, 53);
  // nothing is kept of the questions: there are many
  dns.answer = ({ name, type }) => {
    dns.queries.length = 0;
    return { answers: type === 'A' ? [{ name, type, data: WEB }] : [] };
  };
  return dns;
}

async function startPeers(
  folder: string,
  resolver: string,
): Promise<{ readonly target: AcmeTarget; stop(): void }[]> {
  const [stepPort = 0, caddyPort = 0] = await freePorts(2);
  const step = await startStepCa(join(folder, 'step-ca'), stepPort, resolver);
  const caddy = await startCaddy(join(folder, 'caddy'), caddyPort, WEB);
  return [{ target: step.acme, stop: () => step.stop() }, caddy];
}

async function ownTarget(at: Installation, server: SpawnedServer): Promise<AcmeTarget> {
  return {
    label: 'chancery, grants, lint, audit, SQLite FULL',
    pid: server.process.pid ?? 0,
    directory: `https://localhost:${at.https}/acme/servers/directory`,
    ca: await readFile(join(at.data, 'roots.pem'), 'utf8'),
  };
}

/** No stall and no failed order at 64 connections; memory that stays what it is. */
async function longRuns(load: AcmeLoad): Promise<void> {
  const crowd = await load.runOrders(64, 2000);
  process.stdout.write(
    `64 connections, 2,000 orders: ${crowd.failed} failed, ${(crowd.requests / crowd.cpuSeconds).toFixed(0)} per CPU-second, p50 / p99 / ${crowd.p50.toFixed(0)} / ${crowd.p99.toFixed(0)} ms\n`,
  );
  const rss: string[] = [];
  let failed = 0;
  for (let part = 0; part < 10; part++) {
    const measured = await load.runOrders(16, LONG / 10);
    failed += measured.failed;
    rss.push(measured.rssMiB.toFixed(0));
  }
  process.stdout.write(`${LONG} orders: ${failed} failed, RSS MiB after each tenth: ${rss.join(' ')}\n`);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function print(results: ReadonlyMap<string, readonly AcmeMeasured[]>): void {
  const rows = [...results].map(([key, measured]) => {
    const [label = '', connections = ''] = key.split('|');
    const rates = measured.map(({ requests, cpuSeconds }) => requests / cpuSeconds);
    return {
      label,
      connections: Number(connections),
      rate: median(rates),
      text: `${median(rates).toFixed(0)} [${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}]`,
      wall: median(measured.map(({ requests, seconds }) => requests / seconds)).toFixed(0),
      asked: median(measured.map(({ asked }) => asked)).toFixed(1),
      p50: median(measured.map(({ p50 }) => p50)).toFixed(1),
      p99: median(measured.map(({ p99 }) => p99)).toFixed(1),
      rss: Math.max(...measured.map(({ rssMiB }) => rssMiB)).toFixed(0),
      failed: measured.reduce((sum, { failed }) => sum + failed, 0),
    };
  });
  process.stdout.write(
    '| server | connections | orders per CPU-second | per second | HTTP requests an order | p50 / p99 ms | RSS MiB | failed |\n|---|---|---|---|---|---|---|---|\n',
  );
  for (const { label, connections, text, wall, asked, p50, p99, rss, failed } of rows)
    process.stdout.write(
      `| ${label} | ${connections} | ${text} | ${wall} | ${asked} | ${p50} / ${p99} | ${rss} | ${failed} |\n`,
    );
  for (const connections of CONNECTIONS) {
    const [own, ...others] = rows.filter((row) => row.connections === connections);
    for (const other of others)
      if (own !== undefined)
        process.stdout.write(
          `ratio to ${other.label} at ${connections}: ${(own.rate / other.rate).toFixed(2)}\n`,
        );
  }
}
