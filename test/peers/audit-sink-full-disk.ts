/** Run by audit-sink-full-disk.test.ts on a file system of 64 KiB: ships until it is full, makes room, ships the rest. */
import { rmSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isChanceryError } from '../../src/base/errors.ts';
import { AuditFileSink } from '../../src/telemetry/audit-file-sink.ts';
import { draft, makeLog, SIGNER, verify } from '../domain/audit/audit-fixtures.ts';

const [folder = ''] = process.argv.slice(2);
const ballast = join(folder, 'ballast');
const path = join(folder, 'audit.jsonl');
writeFileSync(ballast, Buffer.alloc(40 * 1024));

const source = makeLog(1);
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const sink = new AuditFileSink({
  path,
  required: true,
  source,
  trustDomain: 'example.test',
  keyId: SIGNER.keyId,
  log,
});

let refused = '';
let slowest = 0;
let refusals = 0;
for (let n = 2; n <= 90; n++) {
  source.append(draft(n));
  const before = performance.now();
  try {
    sink.ship(n);
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    refused = `${error.code}: ${error.message}`;
    refusals += 1;
  }
  slowest = Math.max(slowest, performance.now() - before);
}
const torn = readFileSync(path).at(-1) !== 0x0a;
rmSync(ballast);
sink.check();
const { verdict, entries } = verify(readFileSync(path));
console.log(JSON.stringify({ refused, refusals, torn, slow: slowest > 500, verdict, entries }));
sink.close();
