/** CRLs of a generation through time: what is published, what is refused, what a kill leaves. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, SECOND } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import type { CrlScope, Revocation } from '../../src/domain/revocation/ports.ts';
import { signingKeyOf } from '../../src/keys/software/index.ts';
import { CrlFolder } from '../../src/server/crl/files.ts';
import { type CrlPress, openPress } from '../../src/server/crl/press.ts';
import { CrlPublisher } from '../../src/server/crl/publisher.ts';
import { IssuerCrls } from '../../src/server/crls.ts';
import { issuerCrlSigner } from '../../src/server/signers.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { findExtension } from '../../src/x509/certificate.ts';
import { readCertificateList, readCrlNumber, revokedCertificates } from '../../src/x509/crl.ts';
import { readIssuingDistributionPoint } from '../../src/x509/distribution-point.ts';
import { OID } from '../../src/x509/oids.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { openTestStore, type SqliteTestStore } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { makeAuthority, URLS } from '../support/authority.ts';
import { certificateRecord, serialOf } from '../support/records.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const OPERATOR = { principal: 'mtls:clients:dns:ann', door: 'rest', requestId: 'request-1' };
const SCOPES: readonly CrlScope[] = [0, 1, 2, 3, 'full'];

interface Keeper {
  readonly crls: IssuerCrls;
  readonly clock: FakeClock;
  readonly store: SqliteTestStore;
  readonly folder: string;
  readonly said: string[];
  /** What the audit log has of these events. */
  events(): string[];
  revoke(n: number, fields?: Partial<Revocation>): Promise<void>;
  /** Serial numbers in a CRL, as it is served. */
  named(scope: CrlScope): Promise<string[]>;
  served(scope: CrlScope): Promise<ReturnType<typeof readCertificateList> & { readonly number: bigint }>;
  /** Another process on the same data. */
  restart(): Promise<IssuerCrls>;
}

async function openKeeper(
  options: {
    readonly press?: (press: CrlPress) => CrlPress;
    readonly heldBack?: () => boolean;
    readonly floor?: () => { readonly number: bigint; readonly thisUpdate: Instant } | undefined;
  } = {},
): Promise<Keeper> {
  const clock = new FakeClock(NOON);
  const store = openTestStore({ clock });
  const folder = mkdtempSync(join(tmpdir(), 'chancery-crls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { generation, issuerKey, root } = await makeAuthority({ now: NOON });
  const stage = { preparedAt: NOON, activatedAt: NOON, retiredAt: null };
  await store.authorities.addRoot(
    { name: generation.root, line: 'internal', number: 1, keyId: null, certificate: root, ...stage },
    [],
  );
  const { certificate, publicKey, subjectKeyIdentifier, nameConstraints, ...facts } = generation;
  await store.authorities.addGeneration({ ...facts, ...stage, shards: 4, certificate: certificate.raw }, []);
  const living = { ...generation, shards: 4 };
  const said: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void said.push(message),
    error: (message, fields) => void said.push(`${message}: ${String(fields?.['reason'])}`),
  };
  const open = (): IssuerCrls => {
    const own = openPress(store.file);
    const press = options.press?.(own) ?? own;
    const files = new CrlFolder(folder);
    const publisher = new CrlPublisher({
      clock,
      store: store.publishedCrls,
      signer: issuerCrlSigner({ open: () => signingKeyOf(generation.keyId, issuerKey) }),
      urls: URLS,
      folder: files,
      press,
      life: DAY,
      floor: options.floor ?? (() => undefined),
    });
    const crls = new IssuerCrls({
      clock,
      log,
      authority: {
        allGenerations: () => [living],
        generation: (id) => (id === living.id ? living : undefined),
      },
      store: store.publishedCrls,
      publisher,
      folder: files,
      urls: URLS,
      record: async (audit) => void (await store.ledger.record({ audit })),
      heldBack: options.heldBack ?? (() => false),
      close: () => press.close(),
    });
    onTestFinished(() => crls.close());
    return crls;
  };
  let crls = open();
  const served: Keeper['served'] = async (scope) => {
    const found = await crls.serve(generation.id, scope);
    if (found === undefined || typeof found.body === 'function') throw new Error('not served from memory');
    const list = readCertificateList(found.body);
    expect(verifySignature(list.signatureAlgorithm, list.tbs, list.signature, publicKey)).toBe(true);
    expect(list.issuer).toEqual(certificate.subject);
    const number = readCrlNumber(findExtension(list, OID.cRLNumber)?.value ?? new Uint8Array(0));
    return { ...list, number };
  };
  return {
    ...{ clock, store, folder, said, served },
    get crls() {
      return crls;
    },
    events: () =>
      store.audit
        .entries(1, 1000)
        .map(({ body }) => (JSON.parse(body) as { event: string }).event)
        .filter((event) => event.startsWith('crl.') && event !== 'crl.issued'),
    async revoke(n, fields = {}) {
      const { serial, generation: id, shard, notAfter } = certificateRecord(n, { shard: n % 4 });
      await store.ledger.record({ certificate: certificateRecord(n, { shard: n % 4 }), audit: [] });
      const revocation = {
        ...{ serial, generation: id, shard, notAfter, revokedAt: NOON, reason: 'superseded' as const },
        ...fields,
      };
      await store.revocations.revoke([{ revocation, blockKey: undefined, audit: [] }], clock.now());
    },
    named: async (scope) =>
      [...revokedCertificates(await served(scope))].map(({ serial }) => toHex(serial)).sort(),
    async restart() {
      await crls.close();
      crls = open();
      await crls.open();
      return crls;
    },
  };
}

const files = ({ folder }: Keeper): string[] => readdirSync(join(folder, 'servers-1')).sort();

describe('CRLs of a generation', () => {
  test('are all published at the start, one number above the other; shards name their URL and are critical about it', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    const numbers: bigint[] = [];
    for (const scope of SCOPES) {
      const list = await keeper.served(scope);
      numbers.push(list.number);
      expect(list).toMatchObject({ version: 2, thisUpdate: NOON, nextUpdate: NOON + DAY });
      const point = findExtension(list, OID.issuingDistributionPoint);
      if (scope === 'full') expect(point).toBeUndefined();
      else {
        expect(point?.critical).toBe(true);
        const { names, onlyUserCerts, indirect } = readIssuingDistributionPoint(
          point?.value ?? new Uint8Array(0),
          list.issuer,
        );
        const url = Buffer.from(`http://127.0.0.1:8080/crl/servers-1/${scope}.crl`).toString('hex');
        expect({ names, onlyUserCerts, indirect }).toEqual({
          names: [`86:${url}`],
          onlyUserCerts: true,
          indirect: false,
        });
      }
    }
    expect(new Set(numbers).size).toBe(SCOPES.length);
    expect(numbers[0]).toBe(BigInt(NOON));
    expect([...numbers].sort()).toEqual(numbers);
    expect(statSync(join(keeper.folder, 'servers-1', `full-${numbers[4]}.crl`)).mode & 0o777).toBe(0o644);
    expect(statSync(join(keeper.folder, 'servers-1')).mode & 0o777).toBe(0o755);
    expect(keeper.said).toEqual([]);
  });

  test('name a revocation in its shard and in the complete list soon after it, and many in one', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    const before = keeper.crls.builds().count;
    // all are on record before the first is told of: how fast the machine records them does not matter
    for (let n = 1; n < 30; n++) await keeper.revoke(n);
    for (let n = 1; n < 30; n++) keeper.crls.revoked();
    await expect.poll(async () => (await keeper.named('full')).length, { timeout: 5000 }).toBe(29);
    expect(await keeper.named(1)).toEqual([1, 5, 9, 13, 17, 21, 25, 29].map(serialOf).sort());
    expect(keeper.crls.builds().count - before).toBe(SCOPES.length);
  });

  test('are issued again when half of their life is over, and not before', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    const { number } = await keeper.served('full');
    keeper.clock.advance(DAY / 2 - MINUTE);
    await keeper.crls.publishDue();
    expect((await keeper.served('full')).number).toBe(number);
    keeper.clock.advance(MINUTE);
    await keeper.crls.publishDue();
    const next = await keeper.served('full');
    expect(next.thisUpdate).toBe(NOON + DAY / 2);
    expect(next.number > number).toBe(true);
  });

  test('are held back for a generation that was imported without its past', async () => {
    let held = true;
    const keeper = await openKeeper({ heldBack: () => held });
    await keeper.revoke(1);
    await keeper.crls.open();
    expect(keeper.store.publishedCrls.published()).toEqual([]);
    await expect(keeper.crls.ensure('servers-1')).rejects.toMatchObject({ code: 'not_ready' });
    await expect(keeper.crls.publish('servers-1', false, OPERATOR)).rejects.toMatchObject({
      code: 'not_ready',
    });
    held = false;
    await keeper.crls.ensure('servers-1');
    expect(await keeper.named('full')).toEqual([serialOf(1)]);
  });
});

describe('an entry', () => {
  const ends = NOON + 3 * HOUR;
  test('leaves after one regular CRL that was issued after the end of its certificate, not before (RFC 5280 3.3)', async () => {
    const keeper = await openKeeper();
    await keeper.revoke(1, { notAfter: ends });
    await keeper.crls.open();
    const at = async (now: Instant): Promise<number> => {
      keeper.clock.set(now);
      await keeper.crls.publish('servers-1', false, OPERATOR);
      return (await keeper.named('full')).length + (await keeper.named(1)).length;
    };
    expect(await at(ends - SECOND)).toBe(2);
    expect(await at(ends + SECOND)).toBe(2);
    expect(await at(ends + 2 * SECOND)).toBe(0);
    expect(keeper.events()).toEqual([]);
  });

  test('of a certificate that was revoked after its end still stands in one', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    keeper.clock.advance(2 * DAY);
    await keeper.crls.publishDue();
    await keeper.revoke(1, { notAfter: NOON + DAY });
    await keeper.crls.publishDue();
    expect(await keeper.named(1)).toEqual([serialOf(1)]);
    await keeper.crls.publish('servers-1', false, OPERATOR);
    expect(await keeper.named(1)).toEqual([]);
  });

  test('that went from the records too early is put back, on record, and stays published (incidents 1954861, 1954889)', async () => {
    const keeper = await openKeeper();
    for (const n of [1, 2, 5]) await keeper.revoke(n);
    await keeper.crls.open();
    keeper.store.other.exec(`DELETE FROM revocations WHERE serial IN (x'${serialOf(1)}', x'${serialOf(2)}')`);
    keeper.clock.advance(HOUR);
    await keeper.crls.publish('servers-1', false, OPERATOR);
    expect(await keeper.named('full')).toEqual([1, 2, 5].map(serialOf).sort());
    expect(await keeper.named(1)).toEqual([1, 5].map(serialOf).sort());
    expect(keeper.events()).toEqual(['crl.mended', 'crl.mended']);
    expect(keeper.store.revocations.find('servers-1', serialOf(1))).toMatchObject({
      reason: 'superseded',
      revokedAt: NOON,
      notAfter: certificateRecord(1).notAfter,
      shard: 1,
    });
  });

  test('of a serial number that nothing is known of is kept to the end of the issuer', async () => {
    const keeper = await openKeeper();
    await keeper.revoke(1);
    await keeper.crls.open();
    keeper.store.other.exec(
      'DELETE FROM revocations; DELETE FROM certificate_names; DELETE FROM certificates',
    );
    await keeper.crls.publish('servers-1', false, OPERATOR);
    expect(await keeper.named(1)).toEqual([serialOf(1)]);
    const { notAfter } = keeper.store.revocations.find('servers-1', serialOf(1)) ?? { notAfter: 0 };
    expect(notAfter).toBeGreaterThan(NOON + 300 * DAY);
  });
});

describe('a CRL that must not be published', () => {
  test('leaves the one before it served, and raises the alarm once: entries lost and no file to mend from', async () => {
    const keeper = await openKeeper();
    for (const n of [1, 5]) await keeper.revoke(n);
    await keeper.crls.open();
    keeper.store.other.exec('DELETE FROM revocations');
    for (const file of files(keeper)) rmSync(join(keeper.folder, 'servers-1', file));
    await expect(keeper.crls.publish('servers-1', false, OPERATOR)).rejects.toMatchObject({
      code: 'crl_refused',
    });
    keeper.clock.advance(DAY / 2);
    await keeper.crls.publishDue();
    await keeper.crls.publishDue();
    expect(
      keeper.said.filter((line) => line.includes('named 2 certificates where 0 are on record')),
    ).toHaveLength(2);
    expect(keeper.events()).toEqual(['crl.refused', 'crl.refused']);
    expect(keeper.crls.builds().refused).toBe(2);
    expect(keeper.crls.view().filter(({ problem }) => problem !== undefined)).toHaveLength(2);
  });

  test('that the thread signs other octets of, or that do not verify, is discarded', async () => {
    const keeper = await openKeeper({
      press: (press) => ({
        ...press,
        write: (order) => press.write({ ...order, signature: Buffer.from(order.signature).fill(7, 8, 12) }),
      }),
    });
    await keeper.crls.open();
    expect(keeper.store.publishedCrls.published()).toEqual([]);
    expect(files(keeper)).toEqual([]);
    expect(keeper.said[0]).toContain('signed and discarded');
  });

  test('that was laid out differently from its plan is never signed', async () => {
    const keeper = await openKeeper({
      press: (press) => ({
        ...press,
        async layOut(order) {
          const laidOut = await press.layOut(order);
          const tbs = Uint8Array.from(laidOut.tbs);
          tbs[tbs.length - 3] = (tbs[tbs.length - 3] ?? 0) ^ 1;
          return { ...laidOut, tbs };
        },
      }),
    });
    await keeper.crls.open();
    expect(keeper.said[0]).toContain('laid out differently');
    expect(readdirSync(keeper.folder)).toEqual([]);
  });

  test('whose record could not be written leaves no file', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    const there = files(keeper);
    keeper.store.other.exec(
      "CREATE TRIGGER full BEFORE INSERT ON published_crls BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    await expect(keeper.crls.publish('servers-1', false, OPERATOR)).rejects.toThrow();
    expect(files(keeper)).toEqual(there);
  });
});

describe('a clock', () => {
  test('that was set back one day dates no CRL earlier, and revocation goes on', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    keeper.clock.advance(-DAY);
    await keeper.revoke(1);
    await keeper.crls.publishDue();
    expect(await keeper.named(1)).toEqual([serialOf(1)]);
    const list = await keeper.served(1);
    expect(list.thisUpdate).toBe(NOON);
    expect(list.number > BigInt(NOON)).toBe(true);
  });

  test('that jumped forward 30 days: a CRL is renewed before anything is served', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    keeper.clock.advance(30 * DAY);
    for (const scope of SCOPES) {
      const list = await keeper.served(scope);
      expect(list.thisUpdate).toBe(NOON + 30 * DAY);
      expect(list.nextUpdate).toBe(NOON + 31 * DAY);
    }
  });

  test('a CRL that has run out and cannot be renewed is not served', async () => {
    let broken = false;
    const keeper = await openKeeper({
      press: (press) => ({
        ...press,
        layOut: (order) => (broken ? Promise.reject(new Error('no disk')) : press.layOut(order)),
      }),
    });
    await keeper.crls.open();
    broken = true;
    keeper.clock.advance(DAY);
    await expect(keeper.crls.serve('servers-1', 0)).rejects.toMatchObject({
      code: 'not_ready',
      detail: { retryAfter: 10 },
    });
    expect(keeper.crls.unusable()).toHaveLength(SCOPES.length);
    broken = false;
    keeper.clock.advance(MINUTE);
    expect((await keeper.served(0)).thisUpdate).toBe(NOON + DAY + MINUTE);
  });

  test('that leapt ahead and was set right: an operator has CRLs dated by it, and entries come back', async () => {
    const keeper = await openKeeper();
    await keeper.revoke(1);
    await keeper.crls.open();
    keeper.clock.advance(60 * DAY);
    for (let i = 0; i < 2; i++) {
      await keeper.crls.publish('servers-1', false, OPERATOR);
      keeper.clock.advance(HOUR);
    }
    expect(await keeper.named('full')).toEqual([]);
    keeper.clock.set(NOON + HOUR);
    await keeper.crls.publish('servers-1', false, OPERATOR);
    const { thisUpdate, number } = await keeper.served('full');
    expect(thisUpdate).toBe(NOON + 60 * DAY + HOUR);
    await keeper.crls.publish('servers-1', true, OPERATOR);
    const list = await keeper.served('full');
    expect(list.thisUpdate).toBe(NOON + HOUR);
    expect(list.number > number).toBe(true);
    expect(await keeper.named('full')).toEqual([serialOf(1)]);
    expect(keeper.events()).toEqual(['crl.clock.accepted']);
    // where nothing lies in the future there is nothing to accept
    await keeper.crls.publish('servers-1', true, OPERATOR);
    expect(keeper.events()).toEqual(['crl.clock.accepted']);
  });
});

describe('a journal that tells of later CRLs', () => {
  const LEAPT = { number: BigInt(NOON + 60 * DAY), thisUpdate: NOON + 60 * DAY };

  test('keeps numbers and dates above it', async () => {
    const keeper = await openKeeper({ floor: () => LEAPT });
    await keeper.crls.open();
    for (const scope of SCOPES) {
      const { number, thisUpdate } = await keeper.served(scope);
      expect(number > LEAPT.number).toBe(true);
      expect(thisUpdate).toBe(LEAPT.thisUpdate);
    }
  });

  test('of a clock that had leapt ahead holds only until an operator says that it did, and for good', async () => {
    const keeper = await openKeeper({ floor: () => LEAPT });
    await keeper.crls.open();
    const { number } = await keeper.served('full');
    await keeper.crls.publish('servers-1', true, OPERATOR);
    expect((await keeper.served('full')).thisUpdate).toBe(NOON);
    keeper.clock.advance(HOUR);
    await keeper.crls.publish('servers-1', false, OPERATOR);
    for (const scope of SCOPES) {
      const list = await keeper.served(scope);
      expect(list.thisUpdate).toBe(NOON + HOUR);
      expect(list.number > number).toBe(true);
    }
    await keeper.restart();
    keeper.clock.advance(DAY);
    await keeper.crls.publishDue();
    expect((await keeper.served('full')).thisUpdate).toBe(NOON + HOUR + DAY);
  });
});

describe('while the server runs', () => {
  test('a file that somebody removed is built anew, and whoever asks is told to come back', async () => {
    const keeper = await openKeeper();
    await keeper.revoke(1);
    await keeper.crls.open();
    rmSync(join(keeper.folder, 'servers-1'), { recursive: true });
    await expect(keeper.crls.serve('servers-1', 1)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(keeper.crls.unusable()).toEqual(['servers-1/1']);
    expect(await keeper.named(1)).toEqual([serialOf(1)]);
    expect(keeper.crls.unusable()).toEqual([]);
    expect(keeper.said.filter((line) => line.includes('built anew'))).toHaveLength(1);
  });
});

describe('a start', () => {
  test('removes files without a record, and half-written ones', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    const there = files(keeper);
    for (const name of ['full-1.crl', '.0-99999999999999.crl.tmp', '3-5.crl'])
      writeFileSync(join(keeper.folder, 'servers-1', name), 'half');
    writeFileSync(join(keeper.folder, 'servers-1', 'README'), 'not ours');
    await keeper.restart();
    expect(files(keeper)).toEqual([...there, 'README'].sort());
  });

  test('builds anew what is missing, cut off or changed, before anything is served', async () => {
    const keeper = await openKeeper();
    for (const n of [1, 2, 3]) await keeper.revoke(n);
    await keeper.crls.open();
    const [zero = '', one = '', two = ''] = files(keeper).map((name) =>
      join(keeper.folder, 'servers-1', name),
    );
    rmSync(zero);
    writeFileSync(one, readFileSync(one).subarray(0, 100));
    const octets = readFileSync(two);
    octets[octets.length - 1] = (octets[octets.length - 1] ?? 0) ^ 1;
    writeFileSync(two, octets);
    await keeper.restart();
    for (const scope of SCOPES) await keeper.served(scope);
    expect(await keeper.named('full')).toEqual([1, 2, 3].map(serialOf).sort());
    expect(keeper.said.filter((line) => line.includes('is built anew'))).toHaveLength(3);
  });

  test('finds a revocation whose CRL was never built', async () => {
    const keeper = await openKeeper();
    await keeper.crls.open();
    await keeper.crls.close();
    await keeper.revoke(1);
    await keeper.restart();
    expect(await keeper.named(1)).toEqual([serialOf(1)]);
  });
});
