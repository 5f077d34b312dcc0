/** One complete CRL out of a data folder, as the server builds it, in a process of its own; says on stdout what it took. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DAY } from '../../src/base/clock.ts';
import { openStore } from '../../src/db/sqlite/index.ts';
import { openGeneration, statusUrls } from '../../src/domain/issuance/issuer.ts';
import { CrlFolder } from '../../src/server/crl/files.ts';
import { openPress } from '../../src/server/crl/press.ts';
import { CrlPublisher } from '../../src/server/crl/publisher.ts';
import { issuerCrlSigner } from '../../src/server/signers.ts';
import { signingKeyOf } from '../../src/keys/software/index.ts';
import { generateKeyPair } from '../../src/x509/key-pair.ts';
import { systemClock } from '../../src/server/world.ts';

const [data = '', out = ''] = process.argv.slice(2);
const silent = { debug: noop, info: noop, warn: noop, error: noop };
const file = join(data, 'db', 'chancery.db');
const store = openStore({
  file,
  clock: systemClock,
  log: silent,
  onFatal(error) {
    throw error;
  },
});
const facts = store.authorities.generations().find(({ id }) => id === 'servers-1');
if (facts === undefined) throw new Error('there is no generation servers-1');
// signing costs the same with any P-256 key, and that of the folder is sealed
const pair = await generateKeyPair('ecdsa-p256');
const generation = { ...openGeneration(facts), publicKey: pair.publicKey };
const key = signingKeyOf(generation.keyId, pair);
const press = openPress(file);
const publisher = new CrlPublisher({
  clock: systemClock,
  store: store.publishedCrls,
  signer: issuerCrlSigner({ open: () => key }),
  urls: statusUrls('http://127.0.0.1:8080'),
  folder: new CrlFolder(out),
  press,
  life: DAY,
  floor: () => undefined,
});
// what comes after the last one is compared with it: the first round has none
const published = store.publishedCrls
  .published()
  .filter((crl) => crl.generation === generation.id && isThere(crl.file));
const started = performance.now();
const before = process.cpuUsage();
const crl = await publisher.publish({
  generation,
  scope: 'full',
  published,
  acceptClock: false,
  actor: { principal: 'system:bench', door: 'internal', requestId: 'bench' },
});
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - started) / 1000;
await press.close();
const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
process.stdout.write(
  JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMiB: peak, size: crl.size }),
);
await store.close();

function isThere(name: string): boolean {
  return statSync(join(out, 'servers-1', name), { throwIfNoEntry: false }) !== undefined;
}

function noop(): void {
  return undefined;
}
