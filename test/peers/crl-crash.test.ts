/** Kills between revoke, build and publish: nothing is forgotten, no number falls or comes twice, no file is half written. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { toHex } from '../../src/x509/bytes.ts';
import { findExtension, readCertificate } from '../../src/x509/certificate.ts';
import { readCertificateList, readCrlNumber, revokedCertificates } from '../../src/x509/crl.ts';
import { OID } from '../../src/x509/oids.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { makeCsr } from '../support/running-server.ts';
import { adminClient, type Installation, install, pause, spawnServer } from '../support/spawned-server.ts';

const KILLS = 50;
/** 25 ms before each write becomes durable or a file gets its name: a random kill would hardly ever hit these otherwise. */
const WINDOW = [
  ...['strace', '-f', '-qq', '-o', '/dev/null'],
  ...['-e', 'trace=fsync,fdatasync,rename,renameat,renameat2'],
  ...['-e', 'inject=fsync,fdatasync,rename,renameat,renameat2:delay_enter=25000'],
];
const SCOPES = ['0', '1', '2', '3', 'full'];

describe('kill -9 between revoke, build and publish', () => {
  let at: Installation;
  afterAll(() => at.remove());

  test(
    `${KILLS} kills: 0 lost revocations, 0 numbers that fall or come twice, no half-written file`,
    { timeout: 900_000 },
    async () => {
      at = await install();
      const serials: string[] = [];
      const revoked = new Set<string>();
      const numbers = new Map<string, bigint>();
      const seen = new Map<string, string>();

      const stock = await spawnServer(at);
      const issuer = await fetch(`http://127.0.0.1:${at.status}/issuers/servers-1.crt`);
      const issuerKey = readPublicKey(readCertificate(new Uint8Array(await issuer.arrayBuffer())).spki);

      const look = async (scope: string): Promise<readonly string[]> => {
        const answer = await fetch(`http://127.0.0.1:${at.status}/crl/servers-1/${scope}.crl`);
        if (answer.status !== 200) throw new Error(`CRL ${scope} answered ${answer.status}`);
        const der = new Uint8Array(await answer.arrayBuffer());
        const list = readCertificateList(der);
        expect(verifySignature(list.signatureAlgorithm, list.tbs, list.signature, issuerKey)).toBe(true);
        const number = readCrlNumber(findExtension(list, OID.cRLNumber)?.value ?? new Uint8Array(0));
        expect(number >= (numbers.get(scope) ?? 0n), `the number of ${scope} fell`).toBe(true);
        numbers.set(scope, number);
        const digest = createHash('sha256').update(der).digest('hex');
        expect(seen.get(String(number)) ?? digest, `the number ${number} came twice`).toBe(digest);
        seen.set(String(number), digest);
        return [...revokedCertificates(list)].map(({ serial }) => toHex(serial));
      };

      const ask = await adminClient(at);
      for (let i = 0; i < KILLS * 6; i++) {
        const { csr } = await makeCsr([{ kind: 'dns', value: 'crash.example.test' }]);
        const issued = await ask('POST', '/api/v1/certificates', { profile: 'server', csr });
        serials.push(String(issued.json['serial']));
      }
      expect(await stock.kill('SIGTERM')).toBe(0);

      for (let round = 0; round < KILLS; round++) {
        const server = await spawnServer(at, WINDOW);
        const pid = await serverPid(server.process.pid ?? 0);
        // what a kill before this start left
        for (const scope of SCOPES) await look(scope);
        const client = await adminClient(at);
        let running = true;
        const revoking = (async () => {
          for (let i = 0; i < 6 && running; i++) {
            const serial = serials[round * 6 + i] ?? '';
            const answer = await client('POST', '/api/v1/revocations', {
              serials: [serial],
              reason: i % 2 === 0 ? 'superseded' : 'unspecified',
            }).catch(() => undefined);
            if (answer?.status === 200) revoked.add(serial);
            else if (answer === undefined) return;
            await pause(20);
          }
        })();
        const watching = (async () => {
          while (running) for (const scope of SCOPES) await look(scope).catch(onlyGone(() => running));
        })();
        // through the revocations, the half second in which they gather, and the build
        await pause(150 + ((round * 37) % 50) * 28);
        running = false;
        process.kill(pid, 'SIGKILL');
        await server.ended;
        await Promise.all([revoking, watching]);
      }

      const last = await spawnServer(at);
      const full = new Set(await look('full'));
      const shards = new Set((await Promise.all(SCOPES.slice(0, 4).map(look))).flat());
      for (const serial of revoked) {
        expect(full.has(serial), `answered and not in the CRL: ${serial}`).toBe(true);
        expect(shards.has(serial), `answered and not in its shard: ${serial}`).toBe(true);
      }
      expect(await last.kill('SIGTERM')).toBe(0);
      expect(revoked.size).toBeGreaterThan(KILLS);
      expect(seen.size).toBeGreaterThan(KILLS);
      everyNumberOnce(at.data);
      everyFileWhole(at.data);
    },
  );
});

/** While the server runs every look must succeed; when it was killed, it is gone. */
const onlyGone =
  (running: () => boolean) =>
  (error: unknown): void => {
    if (running() && !(error instanceof TypeError)) throw error;
  };

/** By the audit log: what was published, whether anybody fetched it or not. */
function everyNumberOnce(data: string): void {
  const database = new Database(join(data, 'db', 'chancery.db'), { readonly: true });
  const numbers = database
    .prepare<[], { body: string }>('SELECT body FROM audit_entries ORDER BY sequence')
    .all()
    .map(({ body }) => JSON.parse(body) as { event: string; details: Record<string, string> })
    .filter(({ event, details }) => event === 'crl.issued' && details['generation'] === 'servers-1')
    .map(({ details }) => BigInt(details['number'] ?? '0'));
  database.close();
  expect(numbers.length).toBeGreaterThan(KILLS);
  for (let i = 1; i < numbers.length; i++) expect((numbers[i] ?? 0n) > (numbers[i - 1] ?? 0n)).toBe(true);
}

function everyFileWhole(data: string): void {
  const folder = join(data, 'crl', 'servers-1');
  const names = readdirSync(folder);
  expect(names.filter((name) => !/^(?:full|\d)-\d+\.crl$/.test(name))).toEqual([]);
  for (const name of names) readCertificateList(readFileSync(join(folder, name)));
}

/** strace's child is the server. */
async function serverPid(tracer: number): Promise<number> {
  const children = await readFile(`/proc/${tracer}/task/${tracer}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}
