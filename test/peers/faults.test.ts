/** Disks that fill, freeze and fail; audit sinks that refuse. */
import { execFile, spawn } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { makeCsr } from '../support/running-server.ts';
import {
  adminClient,
  type Installation,
  install,
  pause,
  run,
  spawnServer,
  type SpawnedServer,
} from '../support/spawned-server.ts';

const shell = promisify(execFile);
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup().catch(() => undefined);
});

async function started(at: Installation, wrapper: readonly string[] = []): Promise<SpawnedServer> {
  const server = await spawnServer(at, wrapper);
  cleanups.push(() => server.kill('SIGKILL'));
  return server;
}

async function issueLoop(
  at: Installation,
): Promise<
  () => Promise<{ status: number; retryAfter: string | undefined; milliseconds: number; serial: string }>
> {
  const ask = await adminClient(at);
  const { csr } = await makeCsr([{ kind: 'dns', value: 'fault.example.test' }]);
  return async () => {
    const before = performance.now();
    const answer = await ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    return {
      status: answer.status,
      retryAfter: answer.retryAfter,
      milliseconds: performance.now() - before,
      serial: String(answer.json['serial']),
    };
  };
}

/** The database folder on a small file system of its own. */
async function installOnTmpfs(size: string): Promise<Installation> {
  const at = await install();
  cleanups.push(() => at.remove());
  const db = join(at.data, 'db');
  await shell('sh', [
    '-c',
    `cp -a ${db} ${db}.copy && mount -t tmpfs -o size=${size},mode=0700 tmpfs ${db} && cp -a ${db}.copy/. ${db}/`,
  ]);
  cleanups.push(() => shell('umount', ['-l', db]));
  return at;
}

async function healsWithin(
  issue: Awaited<ReturnType<typeof issueLoop>>,
  milliseconds: number,
): Promise<number> {
  const until = Date.now() + milliseconds;
  let last = 0;
  while (Date.now() < until) {
    last = (await issue()).status;
    if (last === 201) return last;
    await pause(200);
  }
  return last;
}

describe('D3: disk full', () => {
  test('503 with Retry-After, nothing answered that is not recorded, heals by itself', async () => {
    const at = await installOnTmpfs('3m');
    await started(at);
    const issue = await issueLoop(at);
    expect((await issue()).status).toBe(201);
    const filler = join(at.data, 'db', 'filler');
    await appendFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch(() => undefined);
    const refused: Awaited<ReturnType<typeof issue>>[] = [];
    const answered: string[] = [];
    for (let i = 0; i < 300 && refused.length < 20; i++) {
      const answer = await issue();
      if (answer.status === 201) answered.push(answer.serial);
      else refused.push(answer);
    }
    expect(refused.length).toBe(20);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    expect(refused.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
    await rm(filler);
    expect(await healsWithin(issue, 10_000)).toBe(201);
    const ask = await adminClient(at);
    for (const serial of answered)
      expect((await ask('GET', `/api/v1/certificates/${serial}`)).status).toBe(200);
  });
});

describe('D4: read-only store', () => {
  test('503, nothing answered that is not recorded, and heals by itself', async () => {
    const at = await install();
    cleanups.push(() => at.remove());
    const server = await started(at);
    const issue = await issueLoop(at);
    expect((await issue()).status).toBe(201);
    // the kernel refuses to remount what is open for writing, so its answer is put into the process
    const freeze = spawn('strace', [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-p',
      String(server.process.pid),
      '-e',
      'trace=pwrite64',
      '-e',
      'inject=pwrite64:error=EROFS',
    ]);
    cleanups.push(() => Promise.resolve(freeze.kill('SIGKILL')));
    await pause(700);
    for (let i = 0; i < 10; i++) {
      const answer = await issue();
      expect(answer.status).toBe(503);
      expect(Number(answer.retryAfter)).toBeGreaterThan(0);
    }
    freeze.kill('SIGINT');
    expect(await healsWithin(issue, 10_000)).toBe(201);
  });
});

describe('D2: fsync error', () => {
  test('nothing is answered after the first EIO, and the process exits non-zero', async () => {
    const at = await install();
    cleanups.push(() => at.remove());
    const server = await started(at, [
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      'trace=fsync,fdatasync',
      '-e',
      'inject=fsync,fdatasync:error=EIO:when=60+',
    ]);
    const issue = await issueLoop(at);
    let failed = false;
    let answeredAfter = 0;
    for (let i = 0; i < 400; i++) {
      const status = (await issue().catch(() => ({ status: 0 }))).status;
      if (status !== 201) failed = true;
      else if (failed) answeredAfter++;
      if (status === 0) break;
    }
    expect(failed).toBe(true);
    expect(answeredAfter).toBe(0);
    const code = await Promise.race([server.ended, pause(10_000).then(() => 'still running')]);
    expect(code).toBe(1);
  });
});

describe('D5: a required audit sink refuses', () => {
  test.each([
    ['/dev/full', async (_folder: string) => '/dev/full'],
    [
      'a FIFO without a reader',
      async (folder: string) => {
        await shell('mkfifo', [join(folder, 'sink')]);
        return join(folder, 'sink');
      },
    ],
  ])('%s: issuance is refused within 2 s', async (_name, makeSink) => {
    const plain = await install();
    cleanups.push(() => plain.remove());
    const server = await spawnServer(plain);
    await server.kill('SIGTERM');
    const sink = await makeSink(plain.folder);
    await appendFile(plain.config, `audit: { sinks: [{ file: ${sink}, required: true }] }\n`);
    // it cannot even say on record that it started
    await expect(spawnServer(plain, [], 4000)).rejects.toThrow(/audit|sink/);
  });

  test('a sink that goes away while the server runs: 503 within 2 s, then it heals', async () => {
    const at = await install();
    cleanups.push(() => at.remove());
    const folder = join(at.folder, 'sink');
    await mkdir(folder);
    await shell('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    cleanups.push(() => shell('umount', ['-l', folder]));
    await appendFile(
      at.config,
      `audit: { sinks: [{ file: ${join(folder, 'audit.jsonl')}, required: true }] }\n`,
    );
    await started(at);
    const issue = await issueLoop(at);
    expect((await issue()).status).toBe(201);
    await writeFile(join(folder, 'filler'), Buffer.alloc(60 * 1024)).catch(() => undefined);
    let refused: Awaited<ReturnType<typeof issue>> | undefined;
    for (let i = 0; i < 200 && refused === undefined; i++) {
      const answer = await issue();
      if (answer.status !== 201) refused = answer;
    }
    expect(refused?.status).toBe(503);
    expect(refused?.milliseconds).toBeLessThan(2000);
    await rm(join(folder, 'filler'));
    expect(await healsWithin(issue, 10_000)).toBe(201);
    const exported = join(at.folder, 'export.jsonl');
    await writeFile(exported, await run(['audit', 'export', '--data', at.data]));
    await run(['audit', 'verify', exported, '--key', join(at.data, 'audit.pub')]);
  });
});
