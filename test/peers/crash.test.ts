/** Answered but not recorded is the one thing that must not happen, wherever the process dies. */
import { afterAll, describe, expect, test } from 'vitest';
import { makeCsr } from '../support/running-server.ts';
import { adminClient, type Installation, install, pause, spawnServer } from '../support/spawned-server.ts';

const KILLS = 50;
const CLIENTS = 8;
/** 30 ms between "written" and "durable": a random kill would hardly ever hit this window otherwise. */
const WINDOW = [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=fsync,fdatasync',
  '-e',
  'inject=fsync,fdatasync:delay_enter=30000',
];

describe('D1: kill -9 in an issuance loop, with a delayed fsync', () => {
  let at: Installation;
  afterAll(() => at.remove());

  test(
    `${KILLS} kills under ${CLIENTS} clients: nothing answered is missing, no serial twice, restart within 3 s`,
    { timeout: 600_000 },
    async () => {
      at = await install();
      const { csr } = await makeCsr([{ kind: 'dns', value: 'crash.example.test' }]);
      const answered: string[] = [];
      let slowest = 0;
      for (let round = 0; round < KILLS; round++) {
        const server = await spawnServer(at, WINDOW);
        const pid = await serverPid(server.process.pid ?? 0);
        let running = true;
        const clients = Array.from({ length: CLIENTS }, async () => {
          const ask = await adminClient(at);
          while (running) {
            const answer = await ask('POST', '/api/v1/certificates', { profile: 'server', csr }).catch(
              () => undefined,
            );
            if (answer?.status === 201) answered.push(String(answer.json['serial']));
            else if (answer === undefined) return;
          }
        });
        await pause(150 + (round % 10) * 25);
        process.kill(pid, 'SIGKILL');
        running = false;
        await server.ended;
        await Promise.all(clients);
        if (round % 10 !== 9) continue;
        const started = Date.now();
        const again = await spawnServer(at);
        slowest = Math.max(slowest, Date.now() - started);
        const ask = await adminClient(at);
        for (const serial of answered.splice(0, answered.length)) {
          const found = await ask('GET', `/api/v1/certificates/${serial}`);
          expect(found.status, `answered and not recorded: ${serial}`).toBe(200);
          seen.push(serial);
        }
        expect(await again.kill('SIGTERM')).toBe(0);
      }
      expect(seen.length).toBeGreaterThan(KILLS);
      expect(new Set(seen).size).toBe(seen.length);
      expect(slowest).toBeLessThan(3000);
    },
  );
  const seen: string[] = [];
});

/** strace's child is the server. */
async function serverPid(tracer: number): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const children = await readFile(`/proc/${tracer}/task/${tracer}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}
