/** Issuance from a CSR over HTTPS with every check on, beside step-ca in one interleaved run. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCsr } from '../support/running-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { install, spawnServer } from '../support/spawned-server.ts';
import { Load, type Measured, type Target } from './load.ts';
import { startStepCa } from './step-ca.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const WARM = 4000;
const SLICE = 1000;
const CONNECTIONS = [1, 16, 64];

export async function benchIssue(options: { readonly peers: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-bench-'));
  const at = await install();
  const server = await spawnServer(at);
  const [port = 0] = await freePorts(1);
  const peer = options.peers ? await startStepCa(join(folder, 'step-ca'), port) : undefined;
  try {
    const targets = [
      await ownTarget(at, server.process.pid ?? 0),
      ...(peer === undefined ? [] : [peer.target]),
    ];
    const loads = targets.map((target) => new Load(target));
    const results = new Map<string, Measured[]>();
    for (const load of loads) await load.run(16, WARM);
    for (let round = 0; round < ROUNDS; round++)
      for (const connections of CONNECTIONS)
        for (const load of loads) {
          const key = `${load.target.label}|${connections}`;
          results.set(key, [...(results.get(key) ?? []), await load.run(connections, SLICE)]);
        }
    print(results);
    for (const load of loads) load.close();
  } finally {
    peer?.stop();
    await server.kill('SIGTERM');
    await at.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function ownTarget(at: Awaited<ReturnType<typeof install>>, pid: number): Promise<Target> {
  const [ca, cert, key] = await Promise.all(
    ['roots.pem', 'admin/cert.pem', 'admin/key.pem'].map((name) => readFile(join(at.data, name), 'utf8')),
  );
  const csrs = await Promise.all(
    Array.from({ length: 32 }, () => makeCsr([{ kind: 'dns', value: 'bench.example.test' }])),
  );
  const bodies = csrs.map(({ csr }) => JSON.stringify({ profile: 'server', csr }));
  let next = 0;
  return {
    label: 'chancery, mTLS, grants, lint, audit, SQLite FULL',
    pid,
    url: new URL(`https://localhost:${at.https}/api/v1/certificates`),
    tls: { ca, cert, key },
    status: 201,
    body: () => bodies[next++ % bodies.length] ?? '',
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function print(results: ReadonlyMap<string, readonly Measured[]>): void {
  const perCpu = (measured: readonly Measured[]): number[] =>
    measured.map(({ requests, cpuSeconds }) => requests / cpuSeconds);
  const rows = [...results].map(([key, measured]) => {
    const [label = '', connections = ''] = key.split('|');
    const rates = perCpu(measured);
    return {
      label,
      connections: Number(connections),
      rate: median(rates),
      text: `${median(rates).toFixed(0)} [${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}]`,
      wall: median(measured.map(({ requests, seconds }) => requests / seconds)).toFixed(0),
      p50: median(measured.map(({ p50 }) => p50)).toFixed(1),
      p99: median(measured.map(({ p99 }) => p99)).toFixed(1),
      rss: Math.max(...measured.map(({ rssMiB }) => rssMiB)).toFixed(0),
      failed: measured.reduce((sum, { failed }) => sum + failed, 0),
    };
  });
  process.stdout.write(
    '| server | connections | certificates per CPU-second | per second | p50 / p99 ms | RSS MiB | failed |\n|---|---|---|---|---|---|---|\n',
  );
  for (const { label, connections, text, wall, p50, p99, rss, failed } of rows)
    process.stdout.write(
      `| ${label} | ${connections} | ${text} | ${wall} | ${p50} / ${p99} | ${rss} | ${failed} |\n`,
    );
  for (const connections of CONNECTIONS) {
    const [own, other] = rows.filter((row) => row.connections === connections);
    if (own !== undefined && other !== undefined)
      process.stdout.write(`ratio at ${connections}: ${(own.rate / other.rate).toFixed(2)}\n`);
  }
}
