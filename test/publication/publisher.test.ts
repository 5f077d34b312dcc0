import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/base/clock.ts';
import { SIGNED_AHEAD_LIMIT } from '../../src/domain/revocation/publication.ts';
import { NOON, serialOf } from '../support/records.ts';
import { bench, MemoryTarget, object, pathOf } from './fixture.ts';

const settled = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await Promise.resolve();
};

describe('what is published', () => {
  test('certificates before shards, shards before complete lists, the manifest last of all', async () => {
    const one = bench({ signer: undefined });
    one.objects = [
      object('crl/internal.crl', 'root'),
      object('crl/servers.pem', 'pem'),
      object('crl/servers-1/full.crl', 'full', NOON + DAY),
      object('crl/servers-1/0.crl', 'shard', NOON + DAY),
      object('issuers/servers-1.crt', 'certificate'),
    ];
    await one.publisher.round();
    expect(one.target.events).toEqual(
      [
        'issuers/servers-1.crt',
        'crl/servers-1/0.crl',
        'crl/internal.crl',
        'crl/servers-1/full.crl',
        'crl/servers.pem',
        'manifest.json',
      ].map((path) => `write ${path}`),
    );
    const manifest = one.target.manifest();
    expect(manifest.files['crl/servers-1/0.crl']).toEqual({
      sha256: one.objects[3]?.version,
      thisUpdate: '2026-06-01T12:00:00Z',
      nextUpdate: '2026-06-02T12:00:00Z',
    });
    expect(manifest).toMatchObject({
      version: 1,
      trustDomain: 'example.test',
      writtenAt: '2026-06-01T12:00:00Z',
    });
    expect(manifest.ocsp).toBe(undefined);
  });

  test('only what changed is written again, and the manifest every five minutes', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one'), object('crl/a/1.crl', 'two')];
    await one.publisher.round();
    one.target.events.length = 0;
    await one.publisher.round();
    expect(one.target.events).toEqual([]);
    one.objects = [object('crl/a/0.crl', 'changed'), object('crl/a/1.crl', 'two')];
    await one.publisher.round();
    expect(one.target.events).toEqual(['write crl/a/0.crl', 'write manifest.json']);
    one.target.events.length = 0;
    one.clock.advance(5 * MINUTE);
    await one.publisher.round();
    expect(one.target.events).toEqual(['write manifest.json']);
  });

  test('what is no longer published goes away; what somebody tidied up comes back within the hour', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one'), object('issuers/a.crt', 'a')];
    await one.publisher.round();
    one.objects = [object('crl/a/0.crl', 'one')];
    await one.publisher.round();
    expect([...one.target.objects.keys()].sort()).toEqual(['crl/a/0.crl', 'manifest.json']);
    one.target.objects.delete('crl/a/0.crl');
    one.clock.advance(HOUR);
    await one.publisher.round();
    expect(one.target.text('crl/a/0.crl')).toBe('one');
  });

  test('after a restart what is in place is not written again', async () => {
    const one = bench();
    one.objects = [object('crl/a/0.crl', 'one')];
    await one.publisher.round();
    one.target.events.length = 0;
    await one.restart().round();
    expect(one.target.events).toEqual(['write manifest.json']);
  });
});

test('what there is nothing better for now stays as it is', async () => {
  const one = bench({ signer: undefined });
  one.objects = [object('crl/servers.pem', 'lists')];
  await one.publisher.round();
  one.objects = [{ ...object('crl/servers.pem', 'none'), version: undefined }];
  one.clock.advance(HOUR);
  await one.publisher.round();
  expect(one.target.text('crl/servers.pem')).toBe('lists');
  expect(Object.keys(one.target.manifest().files)).toEqual(['crl/servers.pem']);
});

describe('answers that are signed ahead', () => {
  test('there is one for every unexpired certificate after as many rounds as it needs, fifty each', async () => {
    const one = bench();
    await one.issue(120);
    await one.publisher.round();
    expect(one.signed).toBe(50);
    await one.publisher.round();
    await one.publisher.round();
    expect(one.signed).toBe(120);
    for (let n = 1; n <= 120; n++) expect(one.target.text(pathOf(serialOf(n)))).toBe(`good ${NOON}`);
    for (let i = 0; i < 5; i++) await one.publisher.round();
    expect(one.signed).toBe(120);
  });

  test('they are signed anew from two fifths to half of their lives, not all at once', async () => {
    const one = bench();
    await one.issue(40);
    await one.publisher.round();
    one.clock.advance(9.5 * HOUR);
    await one.publisher.round();
    expect(one.signed).toBe(40);
    one.clock.advance(1.5 * HOUR);
    await one.publisher.round();
    expect(one.signed).toBeGreaterThan(45);
    expect(one.signed).toBeLessThan(75);
    one.clock.advance(HOUR);
    await one.publisher.round();
    expect(one.signed).toBe(80);
  });

  test('all of them are signed anew when another responder signs: the one before may have been revoked', async () => {
    const one = bench();
    await one.issue(70);
    for (let i = 0; i < 3; i++) await one.publisher.round();
    expect(one.signed).toBe(70);
    one.responder = 'second';
    await one.publisher.round();
    expect(one.signed).toBe(120);
    for (let i = 0; i < 5; i++) await one.publisher.round();
    expect(one.signed).toBe(140);
  });

  test('no reader finds a good answer beside a CRL that says revoked: the answer is replaced first', async () => {
    const one = bench();
    one.objects = [object('crl/servers-1/0.crl', 'nobody')];
    await one.issue(3);
    await one.publisher.round();
    await one.revoke(2);
    one.objects = [object('crl/servers-1/0.crl', 'number two')];
    one.target.events.length = 0;
    await one.publisher.round();
    expect(one.target.events).toEqual(
      [pathOf(serialOf(2)), 'crl/servers-1/0.crl', 'manifest.json'].map((path) => `write ${path}`),
    );
    expect(one.target.text(pathOf(serialOf(2)))).toMatch(/^revoked/);
  });

  test('whatever is revoked while a round writes, the place never holds a good answer beside its CRL', async () => {
    const one = bench();
    await one.issue(60);
    let crl = new Set<number>();
    one.objects = [object('crl/servers-1/0.crl', '')];
    const check = (): void => {
      const listed = (one.target.text('crl/servers-1/0.crl') ?? '').split(' ').filter(Boolean);
      for (const n of listed) expect(one.target.text(pathOf(serialOf(Number(n)))) ?? '').not.toMatch(/^good/);
    };
    let next = 1;
    one.target.before = async () => {
      check();
      if (next > 60) return;
      const n = next++;
      await one.revoke(n);
      crl = new Set([...crl, n]);
      one.objects = [object('crl/servers-1/0.crl', [...crl].join(' '))];
    };
    for (let i = 0; i < 20; i++) await one.publisher.round();
    check();
    expect(next).toBe(61);
    expect(one.target.text('crl/servers-1/0.crl')?.split(' ')).toHaveLength(60);
  });

  test('more revocations at once than a page are all answered before the CRL that names them', async () => {
    const one = bench();
    await one.issue(700);
    for (let n = 1; n <= 600; n++) await one.revoke(n);
    one.objects = [object('crl/servers-1/full.crl', 'all')];
    await one.publisher.round();
    expect(one.target.events.indexOf('write crl/servers-1/full.crl')).toBe(600);
  });

  test('an expired certificate takes its answers with it', async () => {
    const one = bench();
    await one.issue(2);
    await one.publisher.round();
    one.clock.advance(7 * DAY + SECOND);
    await one.publisher.round();
    expect([...one.target.objects.keys()].filter((path) => path.startsWith('ocsp/'))).toEqual([]);
  });

  test('what had expired by a clock that leapt ahead is there again when it is right, and stays', async () => {
    const one = bench();
    await one.issue(300);
    for (let i = 0; i < 6; i++) await one.publisher.round();
    one.clock.advance(400 * DAY);
    await one.publisher.round();
    expect(one.target.objects.size).toBeLessThan(300);
    one.clock.advance(-400 * DAY);
    await one.revoke(300);
    for (let i = 0; i < 8; i++) await one.publisher.round();
    expect(one.target.text(pathOf(serialOf(300)))).toBe(`revoked ${NOON}`);
    expect([...one.target.objects.keys()].filter((path) => path.startsWith('ocsp/'))).toHaveLength(300);
  });

  test('after a restart what was revoked is not signed again before the CRLs, and strays go away', async () => {
    const one = bench();
    await one.issue(2);
    await one.revoke(1);
    await one.publisher.round();
    await one.target.write(pathOf('40ff'), Buffer.from('of nobody'));
    one.target.events.length = 0;
    one.objects = [object('crl/servers-1/0.crl', 'x')];
    await one.restart().round();
    expect(one.target.events[0]).toBe('write crl/servers-1/0.crl');
    expect(one.target.objects.has(pathOf('40ff'))).toBe(false);
    expect(one.target.objects.has(pathOf(serialOf(1)))).toBe(true);
  });

  test('after a restore the sequences of the manifest are not believed', async () => {
    const one = bench();
    await one.issue(3);
    await one.revoke(1);
    await one.publisher.round();
    // another history: the first revocation is of somebody else
    one.store.revocations.all.clear();
    await one.revoke(3);
    one.objects = [object('crl/servers-1/0.crl', 'number three')];
    one.target.events.length = 0;
    await one.restart().round();
    expect(one.target.events[0]).toBe(`write ${pathOf(serialOf(3))}`);
    expect(one.target.text(pathOf(serialOf(3)))).toMatch(/^revoked/);
  });

  test('a generation that cannot sign holds up no CRL, and no answer says good of what is revoked', async () => {
    const one = bench();
    await one.issue(2);
    await one.publisher.round();
    await one.revoke(1);
    one.unable = 'the responder is gone';
    one.objects = [object('crl/servers-1/0.crl', 'number one')];
    await one.publisher.round();
    expect(one.target.text('crl/servers-1/0.crl')).toBe('number one');
    expect(one.target.objects.has(pathOf(serialOf(1)))).toBe(false);
    expect(one.target.text(pathOf(serialOf(2)))).toMatch(/^good/);
    expect(one.said.filter((line) => line.includes('could not be signed'))).toHaveLength(1);
    one.unable = undefined;
    one.clock.advance(MINUTE);
    await one.publisher.round();
    expect(one.target.text(pathOf(serialOf(1)))).toMatch(/^revoked/);
  });

  test('over the limit none are signed unless it was asked for, and those that there were go away', async () => {
    const target = new MemoryTarget();
    const one = bench({ signAhead: undefined }, target);
    await one.issue(3);
    await one.publisher.round();
    expect(one.signed).toBe(3);
    const crowd = Array.from({ length: SIGNED_AHEAD_LIMIT }, (_, n) => ({
      ...one.store.certificates[0],
      serial: serialOf(n + 10),
    }));
    one.store.certificates.push(...(crowd as typeof one.store.certificates));
    one.clock.advance(MINUTE);
    await one.publisher.round();
    expect([...target.objects.keys()]).toEqual(['manifest.json']);
    expect(target.manifest().ocsp).toBe(undefined);
    expect(one.said.some((line) => line.includes('too many certificates'))).toBe(true);
    one.store.certificates.length = 3;
    one.clock.advance(MINUTE);
    await one.publisher.round();
    expect(target.objects.has(pathOf(serialOf(1)))).toBe(true);
  });
});

describe('a place that fails', () => {
  test('is tried again later and later, never holds anybody up, and goes on by itself', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one')];
    one.target.failure = 'ENOSPC';
    const waits: number[] = [];
    for (let failures = 0, seconds = 0; failures < 5; seconds++) {
      one.publisher.tick();
      await settled();
      if (one.publisher.health().failures > failures) {
        failures = one.publisher.health().failures;
        waits.push(seconds);
      }
      one.clock.advance(SECOND);
    }
    expect(waits).toEqual([0, 1, 3, 7, 15]);
    one.target.failure = undefined;
    one.clock.advance(5 * MINUTE);
    one.publisher.tick();
    await settled();
    expect(one.target.text('crl/a/0.crl')).toBe('one');
    expect(one.publisher.health()).toMatchObject({ failures: 5, succeededAt: one.clock.now() });
  });

  test('raises an alarm after five minutes, once an hour', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one')];
    one.target.failure = 'EACCES';
    const alarms = (): number => one.said.filter((line) => line.includes('out of date')).length;
    for (const [advance, expected] of [
      [4 * MINUTE, 0],
      [MINUTE, 1],
      [30 * MINUTE, 1],
      [30 * MINUTE, 2],
    ] as const) {
      one.clock.advance(advance);
      one.publisher.tick();
      await settled();
      expect(alarms()).toBe(expected);
    }
  });

  test('that hangs is one round, raises the alarm, and does not keep the server from stopping', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one')];
    let calls = 0;
    one.target.before = () => {
      calls++;
      return new Promise(() => undefined);
    };
    for (let i = 0; i < 10; i++) {
      one.publisher.tick();
      await settled();
      one.clock.advance(MINUTE);
    }
    expect(calls).toBe(1);
    expect(one.said.filter((line) => line.includes('out of date'))).toHaveLength(1);
    await one.publisher.stop(20);
    expect(one.target.events).toEqual(['close']);
  });

  test('a clock that goes back a day holds nothing up', async () => {
    const one = bench({ signer: undefined });
    one.objects = [object('crl/a/0.crl', 'one')];
    one.target.failure = 'EIO';
    one.publisher.tick();
    await settled();
    one.target.failure = undefined;
    one.clock.advance(-DAY);
    one.publisher.tick();
    await settled();
    expect(one.target.text('crl/a/0.crl')).toBe('one');
  });
});
