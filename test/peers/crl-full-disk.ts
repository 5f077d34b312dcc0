/** Run by crl-full-disk.test.ts: the folder of the CRLs on a file system of 128 KiB, the database elsewhere. */
import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DAY, SECOND } from '../../src/base/clock.ts';
import { openStore } from '../../src/db/sqlite/index.ts';
import type { RevocationOrder } from '../../src/domain/revocation/ports.ts';
import { signingKeyOf } from '../../src/keys/software/index.ts';
import { CrlFolder } from '../../src/server/crl/files.ts';
import { openPress } from '../../src/server/crl/press.ts';
import { CrlPublisher } from '../../src/server/crl/publisher.ts';
import { IssuerCrls } from '../../src/server/crls.ts';
import { issuerCrlSigner } from '../../src/server/signers.ts';
import { readCertificateList, revokedCertificates } from '../../src/x509/crl.ts';
import { FakeClock } from '../fakes/clock.ts';
import { makeAuthority, URLS } from '../support/authority.ts';
import { certificateRecord, NOON } from '../support/records.ts';

const [small = '', large = ''] = process.argv.slice(2);
const folder = join(small, 'crl');
const ballast = join(small, 'ballast');
const quiet = (): void => undefined;
const said: string[] = [];
const log = {
  ...{ debug: quiet, info: quiet, warn: quiet },
  error: (_: string, fields?: Readonly<Record<string, unknown>>) =>
    void said.push(String(fields?.['reason'])),
};
const clock = new FakeClock(NOON);
const file = join(large, 'chancery.db');
const store = openStore({ file, clock, log, onFatal: quiet });
const { generation, issuerKey, root } = await makeAuthority({ now: NOON });
const stage = { preparedAt: NOON, activatedAt: NOON, retiredAt: null };
await store.authorities.addRoot(
  { name: generation.root, line: 'internal', number: 1, keyId: null, certificate: root, ...stage },
  [],
);
const { certificate, publicKey, subjectKeyIdentifier, nameConstraints, ...facts } = generation;
await store.authorities.addGeneration({ ...facts, ...stage, shards: 1, certificate: certificate.raw }, []);
const living = { ...generation, shards: 1 };
const files = new CrlFolder(folder);
const press = openPress(file);
const crls = new IssuerCrls({
  ...{ clock, log, folder: files, urls: URLS },
  authority: { allGenerations: () => [living], generation: (id) => (id === living.id ? living : undefined) },
  store: store.publishedCrls,
  publisher: new CrlPublisher({
    ...{ clock, press, folder: files, urls: URLS, life: DAY },
    store: store.publishedCrls,
    signer: issuerCrlSigner({ open: () => signingKeyOf(generation.keyId, issuerKey) }),
    floor: () => undefined,
  }),
  record: async (audit) => void (await store.ledger.record({ audit })),
  heldBack: () => false,
  close: () => press.close(),
});

/** How many certificates each CRL names, as it is served. */
async function named(): Promise<number[]> {
  const counts = [];
  for (const scope of [0, 'full'] as const) {
    const crl = await crls.serve(living.id, scope);
    if (crl === undefined || typeof crl.body === 'function') throw new Error('not served from memory');
    counts.push([...revokedCertificates(readCertificateList(crl.body))].length);
  }
  return counts;
}

const unfinished = (): number =>
  readdirSync(join(folder, living.id)).filter((name) => name.endsWith('.tmp')).length;

await crls.open();
const before = await named();
try {
  for (;;) appendFileSync(ballast, Buffer.alloc(1024));
} catch {
  // it is full
}
const orders = Array.from({ length: 500 }, (_, n): RevocationOrder => {
  const { serial, notAfter } = certificateRecord(n + 1);
  const revocation = { serial, generation: living.id, shard: 0, notAfter, revokedAt: NOON };
  return { revocation: { ...revocation, reason: 'superseded' }, blockKey: undefined, audit: [] };
});
const results = await store.revocations.revoke(orders, clock.now());
for (let i = 0; i < 4; i++) {
  await crls.publishDue();
  clock.advance(10 * SECOND);
}
const full = {
  recorded: results.filter((result) => result === 'revoked').length,
  served: await named(),
  unusable: crls.unusable(),
  unfinished: unfinished(),
  problems: crls.view().filter(({ problem }) => problem?.includes('ENOSPC') === true).length,
  alarms: said.filter((reason) => reason.includes('ENOSPC')).length,
};
rmSync(ballast);
await crls.publishDue();
const healed = {
  served: await named(),
  problems: crls.view().filter(({ problem }) => problem !== undefined).length,
};
await crls.close();
await store.close();
console.log(JSON.stringify({ before, full, healed }));
