/** OCSP answers that are prepared, signed and checked. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../../src/base/clock.ts';
import { signWith } from '../../../src/x509/key-pair.ts';
import { encodeCertId } from '../../../src/x509/cert-id.ts';
import { readOcspResponse } from '../../../src/x509/ocsp-response.ts';
import { type OcspPlan, PreparedOcsp, signOcsp } from '../../../src/domain/revocation/ocsp.ts';
import { refusalOf } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { GOOD, type OcspWorkbench, octets, ocspSignerOf, ocspWorkbench } from '../../support/ocsp.ts';

const plan = ({ responder, issuer, clock }: OcspWorkbench, more: Partial<OcspPlan> = {}): OcspPlan => ({
  responder,
  singles: [{ certId: encodeCertId('sha1', issuer, octets(GOOD)), status: { kind: 'good' } }],
  ...{ nonce: undefined, now: clock.now() },
  ...more,
});

describe('a prepared OCSP answer', () => {
  test('holds for an hour, from this very second and never from the next', async () => {
    const bench = await ocspWorkbench();
    bench.clock.advance(999);
    const prepared = PreparedOcsp.of(plan(bench));
    expect(prepared.thisUpdate).toBe(bench.clock.now() - 999);
    expect(prepared.nextUpdate - prepared.thisUpdate).toBe(HOUR);
  });

  test('never holds for longer than the certificate of its responder', async () => {
    const bench = await ocspWorkbench();
    const { notAfter } = bench.responder.certificate;
    expect(PreparedOcsp.of(plan(bench, { now: notAfter - 60 * SECOND })).nextUpdate).toBe(notAfter);
    for (const now of [notAfter, notAfter + 30 * DAY])
      expect(refusalOf(() => PreparedOcsp.of(plan(bench, { now }))).code).toBe('not_ready');
  });

  test('is redeemed once', async () => {
    const prepared = PreparedOcsp.of(plan(await ocspWorkbench()));
    prepared.redeem();
    expect(refusalOf(() => prepared.redeem()).code).toBe('internal');
  });

  test('is signed into a response that its responder signed', async () => {
    const bench = await ocspWorkbench();
    const response = readOcspResponse(signOcsp(ocspSignerOf(bench.pair), PreparedOcsp.of(plan(bench))));
    expect(response).toMatchObject({
      status: 'successful',
      basic: { singles: [{ status: { kind: 'good' } }] },
    });
  });

  test('is discarded where another key signed, or other octets', async () => {
    const bench = await ocspWorkbench();
    const other = await keyOf('ecdsa-p256', 'another');
    expect(refusalOf(() => signOcsp(ocspSignerOf(other), PreparedOcsp.of(plan(bench)))).code).toBe(
      'self_check_failed',
    );
    const bent = {
      sign(prepared: PreparedOcsp) {
        const tbs = prepared.redeem();
        tbs[tbs.length - 1] = (tbs[tbs.length - 1] ?? 0) ^ 1;
        return { tbs, signature: signWith(bench.pair, tbs) };
      },
    };
    expect(refusalOf(() => signOcsp(bent, PreparedOcsp.of(plan(bench)))).code).toBe('self_check_failed');
    const flipped = {
      sign(prepared: PreparedOcsp) {
        const tbs = prepared.redeem();
        const signature = Buffer.from(signWith(bench.pair, tbs));
        signature[signature.length - 1] = (signature[signature.length - 1] ?? 0) ^ 1;
        return { tbs, signature };
      },
    };
    expect(refusalOf(() => signOcsp(flipped, PreparedOcsp.of(plan(bench)))).code).toBe('self_check_failed');
  });
});
