/** What is answered to OCSP requests, and what is kept of it for how long. */
import { describe, expect, test } from 'vitest';
import { ChanceryError } from '../../../src/base/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { toHex } from '../../../src/x509/bytes.ts';
import { encodeCertId } from '../../../src/x509/cert-id.ts';
import { encodeOcspRequest } from '../../../src/x509/ocsp-request.ts';
import { readOcspResponse } from '../../../src/x509/ocsp-response.ts';
import { OcspCache } from '../../../src/domain/revocation/ocsp-cache.ts';
import type { OcspAnswer } from '../../../src/domain/revocation/ocsp-answers.ts';
import { GOOD, NEVER_ISSUED, octets, ocspSignerOf, ocspWorkbench, REVOKED } from '../../support/ocsp.ts';

const basicOf = ({ der }: OcspAnswer) => {
  const response = readOcspResponse(der);
  if (response.status !== 'successful') throw new Error(response.status);
  return response.basic;
};

describe('OCSP answers', () => {
  test.each([
    [GOOD, 'good'],
    [REVOKED, 'revoked'],
    [NEVER_ISSUED, 'unknown'],
  ] as const)('to %s is %s, signed, by either hash', async (serial, outcome) => {
    const { answers, issuer, failures } = await ocspWorkbench();
    for (const algorithm of ['sha1', 'sha256'] as const) {
      const certId = encodeCertId(algorithm, issuer, octets(serial));
      const answer = answers.answer(encodeOcspRequest([certId]));
      expect([answer.outcome, answer.cached]).toEqual([outcome, false]);
      const [single] = basicOf(answer).singles;
      expect(single?.status.kind).toBe(outcome);
      expect(toHex(single?.certId.raw ?? octets(''))).toBe(toHex(certId));
    }
    expect(failures).toEqual([]);
  });

  test('say when and why something was revoked', async () => {
    const { answers, request, clock } = await ocspWorkbench();
    expect(basicOf(answers.answer(request(REVOKED))).singles[0]?.status).toEqual({
      kind: 'revoked',
      revokedAt: clock.now() - MINUTE,
      reason: 'keyCompromise',
    });
  });

  test('about another issuer are an unauthorized without a signature: its name and its key must both be ours', async () => {
    const { answers, issuer, lookUps } = await ocspWorkbench();
    const others = [
      { ...issuer, keyBits: Buffer.alloc(65, 4) },
      { ...issuer, subject: Buffer.from('3000', 'hex') },
    ];
    for (const other of others)
      for (const algorithm of ['sha1', 'sha256'] as const) {
        const answer = answers.answer(encodeOcspRequest([encodeCertId(algorithm, other, octets(GOOD))]));
        expect([answer.outcome, toHex(answer.der), answer.validity]).toEqual([
          'unauthorized',
          '30030a0106',
          undefined,
        ]);
      }
    const ours = encodeCertId('sha1', issuer, octets(GOOD));
    const mixed = encodeOcspRequest([ours, encodeCertId('sha1', others[0] ?? issuer, octets(GOOD))]);
    expect(answers.answer(mixed).outcome).toBe('unauthorized');
    expect(lookUps()).toBe(0);
  });

  test('about several certificates of one generation answer all of them; the worst is counted', async () => {
    const { answers, issuer } = await ocspWorkbench();
    const serials = [GOOD, NEVER_ISSUED, REVOKED];
    const request = encodeOcspRequest(
      serials.map((serial) => encodeCertId('sha256', issuer, octets(serial))),
    );
    const answer = answers.answer(request);
    expect(basicOf(answer).singles.map(({ status }) => status.kind)).toEqual(['good', 'unknown', 'revoked']);
    expect([answer.outcome, answers.answer(request).cached]).toEqual(['revoked', false]);
  });

  test('repeat a nonce, and are then nobody else’s', async () => {
    const { answers, request } = await ocspWorkbench();
    for (const length of [1, 32, 128]) {
      const nonce = Buffer.alloc(length, length);
      answers.answer(request(GOOD));
      const answer = answers.answer(request(GOOD, nonce));
      expect([answer.cached, answer.validity, basicOf(answer).nonce]).toEqual([false, undefined, nonce]);
    }
  });

  test('to what is no request are malformedRequest and nothing else', async () => {
    const { answers, request, failures } = await ocspWorkbench();
    const good = request(GOOD);
    for (const der of [
      octets(''),
      octets('3080'),
      good.subarray(1),
      good.subarray(0, 50),
      Buffer.alloc(4096, 0xff),
    ])
      expect(toHex(answers.answer(der).der)).toBe('30030a0101');
    expect(failures).toEqual([]);
  });

  test('without a responder, or with one that expired, are tryLater', async () => {
    const none = await ocspWorkbench({ responder: () => undefined });
    expect(none.answers.answer(none.request(GOOD)).outcome).toBe('tryLater');
    const bench = await ocspWorkbench();
    bench.clock.set(bench.responder.certificate.notAfter);
    expect(toHex(bench.answers.answer(bench.request(GOOD)).der)).toBe('30030a0103');
  });

  test('are an internalError where nothing can be believed, and tryLater where the store is away', async () => {
    const failing = (error: Error) =>
      ocspWorkbench({
        statuses: {
          status: () => {
            throw error;
          },
        },
      });
    const broken = await failing(new Error('a bug'));
    expect(toHex(broken.answers.answer(broken.request(GOOD)).der)).toBe('30030a0102');
    expect(broken.failures).toHaveLength(1);
    const away = await failing(new ChanceryError('store_unavailable', 'the disk is gone'));
    expect(away.answers.answer(away.request(GOOD)).outcome).toBe('tryLater');
  });

  test('that fail their self-check are discarded', async () => {
    const other = (await ocspWorkbench()).authority.issuerKey;
    const { answers, request, failures } = await ocspWorkbench({ signer: ocspSignerOf(other) });
    expect(answers.answer(request(GOOD)).outcome).toBe('internalError');
    expect(failures).toMatchObject([{ code: 'self_check_failed' }]);
  });

  test('go on while the clock is back, and are never of a later time than it', async () => {
    const { answers, request, clock } = await ocspWorkbench();
    const before = answers.answer(request(GOOD));
    clock.advance(-DAY);
    const after = answers.answer(request(GOOD));
    expect(after.cached).toBe(false);
    expect(after.validity?.thisUpdate).toBe(clock.now());
    expect(before.validity?.thisUpdate).toBe(clock.now() + DAY);
  });
});

describe('the cache of OCSP answers', () => {
  test('gives the same octets until half of their validity is over', async () => {
    const { answers, request, clock } = await ocspWorkbench();
    const first = answers.answer(request(GOOD));
    clock.advance(HOUR / 2 - 1);
    const again = answers.answer(request(GOOD));
    expect([again.cached, again.der]).toEqual([true, first.der]);
    clock.advance(1);
    expect(answers.answer(request(GOOD)).cached).toBe(false);
  });

  test('is shared by all who ask about the same, whatever else they send', async () => {
    const { answers, request, issuer } = await ocspWorkbench();
    answers.answer(request(GOOD));
    const wordy = Buffer.from(toHex(request(GOOD)), 'hex');
    const tbs = wordy.subarray(2);
    const signed = Buffer.concat([
      Buffer.from([0x30, wordy.length - 2 + 11]),
      tbs,
      Buffer.from('a009300730020500030100'.slice(0, 22), 'hex'),
    ]);
    expect(answers.answer(signed)).toMatchObject({ outcome: 'good', cached: true });
    const other = encodeOcspRequest([encodeCertId('sha256', issuer, octets(GOOD))]);
    expect(answers.answer(other).cached).toBe(false);
  });

  test('is left at once when something was revoked, and after two seconds where nobody said so', async () => {
    const { answers, request, statuses, clock, lookUps } = await ocspWorkbench();
    answers.answer(request(GOOD));
    statuses.set(GOOD, { kind: 'revoked', revokedAt: clock.now(), reason: 'superseded' });
    expect(answers.answer(request(GOOD))).toMatchObject({ outcome: 'good', cached: true });
    expect(lookUps()).toBe(1);
    answers.statusChanged();
    expect(answers.answer(request(GOOD))).toMatchObject({ outcome: 'revoked', cached: false });
    statuses.set(GOOD, { kind: 'revoked', revokedAt: clock.now(), reason: 'keyCompromise' });
    clock.advance(2 * SECOND);
    expect(answers.answer(request(GOOD)).cached).toBe(false);
    expect(basicOf(answers.answer(request(GOOD))).singles[0]?.status).toMatchObject({
      reason: 'keyCompromise',
    });
  });

  test('is also believed by a nonce for a moment, but never after something was revoked', async () => {
    const { answers, request, statuses, clock } = await ocspWorkbench();
    answers.answer(request(GOOD));
    statuses.set(GOOD, { kind: 'revoked', revokedAt: clock.now(), reason: 'superseded' });
    answers.statusChanged();
    expect(answers.answer(request(GOOD, octets('0102'))).outcome).toBe('revoked');
  });

  test('never keeps what is unknown: it may be given out in the next moment', async () => {
    const { answers, request, statuses } = await ocspWorkbench();
    expect(answers.answer(request(NEVER_ISSUED)).outcome).toBe('unknown');
    statuses.set(NEVER_ISSUED, { kind: 'good' });
    expect(answers.answer(request(NEVER_ISSUED)).outcome).toBe('good');
  });

  test('is empty when another responder answers', async () => {
    const { answers, request } = await ocspWorkbench();
    answers.answer(request(GOOD));
    answers.respondersChanged();
    expect(answers.answer(request(GOOD)).cached).toBe(false);
  });

  test('never gives what holds for longer than its responder', async () => {
    const { answers, request, clock, responder } = await ocspWorkbench();
    const { notAfter } = responder.certificate;
    clock.set(notAfter - 10 * SECOND);
    expect(answers.answer(request(GOOD)).validity?.nextUpdate).toBe(notAfter);
    clock.set(notAfter - 4 * SECOND);
    expect(answers.answer(request(GOOD)).cached).toBe(false);
    clock.set(notAfter);
    expect(answers.answer(request(GOOD)).outcome).toBe('tryLater');
  });

  test('is bounded: what was asked for least lately leaves', () => {
    const cache = new OcspCache<number>(3);
    for (const n of [1, 2, 3]) cache.set(String(n), n);
    cache.get('1');
    cache.set('4', 4);
    expect([cache.get('1'), cache.get('2'), cache.get('3'), cache.get('4'), cache.size]).toEqual([
      1,
      undefined,
      3,
      4,
      3,
    ]);
    for (let n = 0; n < 1000; n++) cache.set(`n${n}`, n);
    expect(cache.size).toBe(3);
  });
});
