/**
 * A CRL of a million entries out of the database, beside Go's x509.CreateRevocationList from memory; and a server with a
 * million revocations: what issuance notices of a build, and how soon one more revocation is published.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DAY } from '../../src/base/clock.ts';
import { adminClient, type Installation, install, spawnServer } from '../support/spawned-server.ts';
import { makeCsr } from '../support/running-server.ts';
import { fillRevocations } from './fill-revocations.ts';
import { treeUsage } from './process-tree.ts';

const ENTRIES = Number(process.env['BENCH_ENTRIES'] ?? 1_000_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const GO = process.env['GO'] ?? '/usr/local/go/bin/go';

interface Built {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
  readonly size: number;
}

export async function benchCrl(options: { readonly peers: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-bench-'));
  const at = await install();
  try {
    const first = await spawnServer(at);
    await first.kill('SIGTERM');
    console.log(`filling in ${ENTRIES} revocations`);
    fillRevocations(join(at.data, 'db', 'chancery.db'), 'servers-1', ENTRIES, Date.now() + 90 * DAY);
    buildAlone(at, folder, options.peers);
    await beside(at);
  } finally {
    await at.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each in a process of its own, interleaved. */
function buildAlone(at: Installation, folder: string, peers: boolean): void {
  const peer = peers && existsSync(GO) ? compilePeer(folder) : undefined;
  const own: Built[] = [];
  const theirs: Built[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    own.push(
      run(process.execPath, [fileURLToPath(new URL('crl-build.ts', import.meta.url)), at.data, folder]),
    );
    if (peer !== undefined) theirs.push(run(peer, [String(ENTRIES)]));
  }
  report(`chancery: database → laid out, judged, compared, signed, written, read back`, own);
  if (theirs.length === 0) return;
  report('Go x509.CreateRevocationList: serials in memory → octets in memory', theirs);
  const cpu = (all: readonly Built[]): number => median(all.map(({ cpuSeconds }) => cpuSeconds));
  console.log(`ratio of CPU time: ${(cpu(theirs) / cpu(own)).toFixed(2)}`);
}

function compilePeer(folder: string): string {
  const source = join(folder, 'go');
  const program = join(folder, 'crl-peer');
  execFileSync('mkdir', ['-p', source]);
  copyFileSync(fileURLToPath(new URL('crl-peer.go', import.meta.url)), join(source, 'main.go'));
  writeFileSync(join(source, 'go.mod'), 'module crlpeer\n\ngo 1.22\n');
  execFileSync(GO, ['build', '-o', program, '.'], {
    cwd: source,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  return program;
}

const run = (program: string, args: readonly string[]): Built =>
  JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as Built;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function report(label: string, built: readonly Built[]): void {
  const range = (of: (one: Built) => number): string => {
    const all = built.map(of);
    return `${median(all).toFixed(2)} [${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)}]`;
  };
  const peak = Math.max(...built.map(({ peakMiB }) => peakMiB));
  console.log(
    `${label}: CPU ${range(({ cpuSeconds }) => cpuSeconds)} s, wall ${range(({ seconds }) => seconds)} s, peak ${peak.toFixed(0)} MiB, ${built[0]?.size ?? 0} octets`,
  );
}

/** A server under issuance, idle and while it builds; then one more revocation. */
async function beside(at: Installation): Promise<void> {
  const server = await spawnServer(at);
  try {
    const pid = server.process.pid ?? 0;
    const ask = await adminClient(at);
    const { csr } = await makeCsr([{ kind: 'dns', value: 'bench.example.test' }]);
    const issue = () => ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    const measure = async (until: () => boolean): Promise<number[]> => {
      const times: number[] = [];
      while (!until()) {
        const started = performance.now();
        const { status } = await issue();
        if (status !== 201) throw new Error(`issuance answered ${status}`);
        times.push(performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return times;
    };
    const for_ = (milliseconds: number): (() => boolean) => {
      const end = performance.now() + milliseconds;
      return () => performance.now() > end;
    };
    await measure(for_(3000));
    const idle: number[] = [];
    const building: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      idle.push(...(await measure(for_(2000))));
      let built = false;
      const publishing = ask('POST', '/api/v1/issuers/servers/crls/publish', { acceptClock: false }).then(
        ({ status }) => {
          if (status !== 200) throw new Error(`publishing answered ${status}`);
          built = true;
        },
      );
      building.push(...(await measure(() => built)));
      await publishing;
    }
    const p99 = (times: readonly number[]): number =>
      [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
    console.log(
      `issuance, one connection: p50 / p99 idle ${median(idle).toFixed(1)} / ${p99(idle).toFixed(1)} ms (${idle.length}), ` +
        `while 5 CRLs are built ${median(building).toFixed(1)} / ${p99(building).toFixed(1)} ms (${building.length}), ratio ${(p99(building) / p99(idle)).toFixed(2)}`,
    );
    await revokeMore(at, ask);
    console.log(
      `server: ${treeUsage(pid).rssMiB.toFixed(0)} MiB resident, peak ${peakMiB(pid).toFixed(0)} MiB`,
    );
  } finally {
    await server.kill('SIGTERM');
  }
}

async function revokeMore(at: Installation, ask: Awaited<ReturnType<typeof adminClient>>): Promise<void> {
  const recorded: number[] = [];
  const shard: number[] = [];
  const full: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'bench.example.test' }]);
    const issued = await ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    const serial = String(issued.json['serial']);
    const scope = Number.parseInt(serial.slice(-2), 16) % 4;
    const base = `http://127.0.0.1:${at.status}/crl/servers-1`;
    const tagOf = async (name: string): Promise<string | null> =>
      (await fetch(`${base}/${name}.crl`, { method: 'HEAD' })).headers.get('etag');
    const [shardTag, fullTag] = [await tagOf(String(scope)), await tagOf('full')];
    const started = performance.now();
    const { status } = await ask('POST', '/api/v1/revocations', { serials: [serial], reason: 'superseded' });
    if (status !== 200) throw new Error(`revoking answered ${status}`);
    recorded.push(performance.now() - started);
    while ((await tagOf(String(scope))) === shardTag) await new Promise((resolve) => setTimeout(resolve, 10));
    shard.push(performance.now() - started);
    while ((await tagOf('full')) === fullTag) await new Promise((resolve) => setTimeout(resolve, 20));
    full.push(performance.now() - started);
  }
  const show = (all: readonly number[]): string =>
    `${median(all).toFixed(1)} [${Math.min(...all).toFixed(1)}-${Math.max(...all).toFixed(1)}] ms`;
  console.log(
    `one more revocation: answered after ${show(recorded)}, in its shard after ${show(shard)}, in the full CRL after ${show(full)}`,
  );
}

const peakMiB = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
