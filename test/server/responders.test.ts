/** OCSP responders through time: made, recorded, renewed, forgotten; and what goes on when that fails. */
import { describe, expect, test } from 'vitest';
import { ChanceryError } from '../../src/base/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { clockGuard } from '../../src/domain/issuance/clock-guard.ts';
import type { SerialStatus } from '../../src/domain/revocation/ports.ts';
import { OcspCounts, OcspService } from '../../src/server/ocsp.ts';
import { systemRandom } from '../../src/server/world.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { readOcspResponse } from '../../src/x509/ocsp-response.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { TRUST_DOMAIN } from '../support/authority.ts';
import { makeHierarchy, type MemoryHierarchy, OPERATOR } from '../support/hierarchy.ts';

interface Bench extends MemoryHierarchy {
  readonly logged: string[];
  /** What the ledger and the clock say before anything is signed. */
  refuse: (() => void) | undefined;
  /** An operator took the clock as right, whatever the log says. */
  clockAccepted: boolean;
  readonly counts: OcspCounts;
  open(): OcspService;
  ask(service: OcspService, generation?: string): Promise<string>;
  responderKeys(): readonly string[];
}

async function makeBench(): Promise<Bench> {
  const hierarchy = await makeHierarchy();
  const { clock, keys, authority, store } = hierarchy;
  await hierarchy.hierarchy.prepare('servers', OPERATOR);
  await hierarchy.hierarchy.activate('servers-1', OPERATOR);
  const logged: string[] = [];
  const say = (message: string, fields?: object): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: () => undefined, info: () => undefined, warn: say, error: say };
  const guard = clockGuard(clock, () => store.latestAuditTime());
  const counts = new OcspCounts();
  const bench: Bench = {
    ...hierarchy,
    ...{ logged, counts, refuse: undefined, clockAccepted: false },
    open: () =>
      new OcspService(
        {
          ...{ clock, keys, authority, inventory: store.inventory, log },
          statuses: { status: (): SerialStatus => ({ kind: 'good' }) },
          ports: {
            ...{ clock, random: systemRandom(), trustDomain: TRUST_DOMAIN, ledger: store.ledger },
            issuers: authority,
            guard() {
              if (!bench.clockAccepted) guard();
              bench.refuse?.();
            },
          },
        },
        counts,
      ),
    async ask(service, generation = 'servers-1') {
      const { certificate, publicKey } = authority.generation(generation) ?? { certificate: undefined };
      if (certificate === undefined || publicKey === undefined) throw new Error(generation);
      const issuer = { subject: certificate.subject, keyBits: publicKey.keyBits };
      const request = encodeOcspRequest([encodeCertId('sha1', issuer, Buffer.from('4b', 'hex'))]);
      return (await service.answer(request)).outcome;
    },
    responderKeys: () => keys.list().filter((id) => id.startsWith('ocsp.')),
  };
  return bench;
}

const fail = (): never => {
  throw new Error('there is nothing on record');
};
const records = ({ store }: Bench) =>
  store.certificates.filter(({ profile }) => profile === 'ocsp-responder');

describe('an OCSP responder', () => {
  test('is on record, with its audit entry, before it answers', async () => {
    const bench = await makeBench();
    const service = bench.open();
    const before = bench.store.entries.length;
    await service.ready();
    expect(await bench.ask(service)).toBe('good');
    const [record, ...more] = records(bench);
    expect(more).toEqual([]);
    expect(record).toMatchObject({ generation: 'servers-1', principal: 'system:ocsp', names: [] });
    const entries = bench.store.entries.slice(before).map(({ body }) => JSON.parse(body) as object);
    expect(entries).toMatchObject([
      { event: 'certificate.issued', outcome: 'allowed', details: { serial: record?.serial } },
    ]);
    expect(bench.responderKeys()).toEqual(['ocsp.servers-1.1']);
  });

  test('goes on after a restart, with its key', async () => {
    const bench = await makeBench();
    await bench.open().ready();
    const service = bench.open();
    expect(await bench.ask(service)).toBe('good');
    await service.ready();
    expect(records(bench)).toHaveLength(1);
  });

  test('whose key is lost gets a successor', async () => {
    const bench = await makeBench();
    await bench.open().ready();
    await bench.keys.forget('ocsp.servers-1.1');
    const service = bench.open();
    await service.ready();
    expect(await bench.ask(service)).toBe('good');
    expect(records(bench)).toHaveLength(2);
  });

  test('that was revoked is replaced at once: nobody asks about its status', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    const [first] = bench.store.certificates;
    bench.store.certificates[0] = { ...(first ?? fail()), revokedAt: bench.clock.now(), revocationReason: 1 };
    await service.tick();
    expect(records(bench)).toHaveLength(2);
    expect(bench.responderKeys()).toEqual(['ocsp.servers-1.2']);
    await service.tick();
    expect(records(bench)).toHaveLength(2);
  });

  test('that cannot be recorded does not answer, and leaves no key behind', async () => {
    const bench = await makeBench();
    const record = bench.store.ledger.record.bind(bench.store.ledger);
    bench.store.ledger.record = () =>
      Promise.reject(new ChanceryError('store_unavailable', 'the disk is full'));
    const service = bench.open();
    for (let n = 0; n < 3; n++) {
      await service.tick();
      bench.clock.advance(MINUTE);
    }
    expect(await bench.ask(service)).toBe('tryLater');
    expect([bench.responderKeys(), records(bench)]).toEqual([[], []]);
    bench.store.ledger.record = record;
    bench.clock.advance(MINUTE);
    expect(await bench.ask(service)).toBe('good');
  });

  test('goes on while the store cannot say whether it was revoked', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    bench.store.ledger.findRevocation = () => {
      throw new ChanceryError('store_unavailable', 'the disk is gone');
    };
    await service.tick();
    expect(await bench.ask(service)).toBe('good');
    expect(records(bench)).toHaveLength(1);
  });

  test('gets a new key and certificate at half of its life, and the old key is forgotten', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    await service.tick();
    expect(records(bench)).toHaveLength(1);
    bench.clock.advance(3.5 * DAY);
    await service.tick();
    expect(records(bench)).toHaveLength(2);
    expect(bench.responderKeys()).toEqual(['ocsp.servers-1.2']);
    await service.tick();
    expect(records(bench)).toHaveLength(2);
    expect(await bench.ask(service)).toBe('good');
  });

  test('a clock that jumps forward by 30 days: it is renewed before anything is answered', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    bench.clock.advance(30 * DAY);
    expect(await Promise.all([bench.ask(service), bench.ask(service), bench.ask(service)])).toEqual([
      'good',
      'good',
      'good',
    ]);
    expect(records(bench)).toHaveLength(2);
    const newest = readCertificate(records(bench)[1]?.der ?? new Uint8Array(0));
    expect(newest.notAfter).toBeGreaterThan(bench.clock.now() + 6 * DAY);
  });

  test('a clock that goes back by a day: it goes on, and nothing is certified', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    bench.clock.advance(3.5 * DAY);
    await service.tick();
    bench.clock.advance(-DAY);
    await service.tick();
    expect(await bench.ask(service)).toBe('good');
    expect(await bench.ask(bench.open())).toBe('good');
    expect(records(bench)).toHaveLength(2);
  });

  test('of a time that never was is replaced once the clock is accepted', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    bench.clock.advance(30 * DAY);
    await service.tick();
    bench.clock.advance(-30 * DAY);
    await service.tick();
    expect(records(bench)).toHaveLength(2);
    expect(bench.logged).toEqual([expect.stringContaining('an OCSP responder was not renewed')]);
    bench.clockAccepted = true;
    bench.clock.advance(MINUTE);
    await service.tick();
    expect(records(bench)).toHaveLength(3);
    const newest = readCertificate(records(bench)[2]?.der ?? new Uint8Array(0));
    expect(newest.notBefore).toBeLessThan(bench.clock.now());
    await service.tick();
    expect(records(bench)).toHaveLength(3);
  });

  test('that cannot be renewed goes on until it expires; then tryLater; it is said once an hour and tried again', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    bench.refuse = () => {
      throw new ChanceryError('audit_unavailable', 'the disk is full');
    };
    bench.clock.advance(4 * DAY);
    for (let second = 0; second < 60; second++) {
      await service.tick();
      bench.clock.advance(SECOND);
    }
    expect(await bench.ask(service)).toBe('good');
    expect(bench.logged).toEqual([expect.stringContaining('the disk is full')]);
    bench.clock.advance(HOUR);
    await service.tick();
    expect(bench.logged).toHaveLength(2);
    bench.clock.advance(3 * DAY);
    expect(await bench.ask(service)).toBe('tryLater');
    bench.refuse = undefined;
    bench.clock.advance(MINUTE);
    expect(await bench.ask(service)).toBe('good');
  });

  test('is made for a generation that was prepared since, and for none that is over', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    await bench.hierarchy.prepare('servers', OPERATOR);
    expect(await bench.ask(service, 'servers-2')).toBe('good');
    bench.clock.set((bench.authority.generation('servers-1')?.certificate.notAfter ?? 0) - HOUR);
    await service.tick();
    expect(await bench.ask(service)).toBe('good');
    const count = records(bench).length;
    bench.clock.advance(MINUTE);
    await service.tick();
    expect(records(bench)).toHaveLength(count);
    bench.clock.advance(DAY);
    expect(await bench.ask(service)).toBe('unauthorized');
  });

  test('of an issuer that was stopped goes on, and gets no successor', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    await bench.authority.stop('servers-1', 'a bit flipped');
    bench.clock.advance(4 * DAY);
    await service.tick();
    expect(await bench.ask(service)).toBe('good');
    expect(records(bench)).toHaveLength(1);
    bench.clock.advance(4 * DAY);
    expect(await bench.ask(service)).toBe('tryLater');
  });

  test('whose certificate fails its self-check stops the issuer', async () => {
    const bench = await makeBench();
    const right = bench.keys.open('servers-1');
    const open = bench.keys.open.bind(bench.keys);
    bench.keys.open = (id) =>
      id === 'servers-1'
        ? { ...right, sign: (message) => Buffer.from(right.sign(message)).fill(1, 8, 9) }
        : open(id);
    const service = bench.open();
    await service.ready();
    expect(records(bench)).toEqual([]);
    expect(bench.authority.generation('servers-1')?.stopped).toMatch(/signed and discarded/);
    expect(await bench.ask(service)).toBe('tryLater');
  });

  test('does not keep its generation from retiring', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    expect(bench.store.inventory.living('servers-1', bench.clock.now())).toEqual({
      count: 0,
      latest: undefined,
    });
  });

  test('is counted, not audited', async () => {
    const bench = await makeBench();
    const service = bench.open();
    await service.ready();
    const entries = bench.store.entries.length;
    for (let n = 0; n < 3; n++) await bench.ask(service);
    await service.answer(new Uint8Array(0));
    expect([...bench.counts.read()]).toEqual([
      { status: 'good', cached: false, count: 1 },
      { status: 'good', cached: true, count: 2 },
      { status: 'malformedRequest', cached: false, count: 1 },
    ]);
    expect(bench.store.entries).toHaveLength(entries);
    expect(readOcspResponse((await service.answer(new Uint8Array(0))).der).status).toBe('malformedRequest');
  });
});
