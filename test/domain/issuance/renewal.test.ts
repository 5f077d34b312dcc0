import { beforeEach, describe, expect, it, vi } from 'vitest';
import { HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import type { Principal } from '../../../src/domain/identity/principal.ts';
import type { StoredCertificate } from '../../../src/domain/issuance/ports.ts';
import { servedTtl } from '../../../src/domain/issuance/renewal-rule.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { GENEROUS, issued, makePipeline, type Pipeline } from '../../support/pipeline.ts';
import { makeRequest } from '../../support/request.ts';

let pipeline: Pipeline;
let renews: StoredCertificate;
let holder: Principal;

async function start(ttl = HOUR): Promise<void> {
  pipeline = await makePipeline({ grants: [{ ...GENEROUS, verbs: ['issue'] }] });
  pipeline.clock.advance(345); // not on a whole second
  renews = stored(issued(await pipeline.issue({ ttl })).serial);
  holder = { kind: 'mtls', issuer: renews.issuer, names: renews.names, serial: renews.serial };
}

const stored = (serial: string): StoredCertificate => {
  const found = pipeline.ledger.findCertificate(serial);
  if (found === undefined) throw new Error(`${serial} was not recorded`);
  return found;
};
const renew = (more: Parameters<Pipeline['issue']>[0] = {}) =>
  pipeline.issue({ principal: holder, renews, names: undefined, ...more });

beforeEach(() => start());

describe('whoever logs in with a certificate renews it', () => {
  it('without a grant, with the same names, issuer and profile', async () => {
    const record = issued(await renew());
    expect(record).toMatchObject({
      rule: 'builtin:self-renewal',
      renews: renews.serial,
      issuer: 'workload',
      profile: 'workload',
    });
    expect(record.names).toEqual(renews.names);
    expect(pipeline.ledger.audit.at(-1)).toMatchObject({
      event: 'certificate.renewed',
      details: { renews: renews.serial },
    });
  });

  it('with a new key as well as with the old one', async () => {
    const csr = makeRequest(await keyOf('ecdsa-p384'));
    expect(issued(await renew({ proof: { csr } })).keyFingerprint).not.toBe(renews.keyFingerprint);
  });

  it.each([10 * SECOND, 2 * MINUTE, HOUR, 24 * HOUR])(
    'a life of %d ms does not wear away over renewals',
    async (ttl) => {
      await start(ttl);
      const served = servedTtl(renews);
      for (let i = 0; i < 20; i++) {
        pipeline.clock.advance(Math.floor(ttl / 3) + 1);
        renews = stored(issued(await renew()).serial);
        holder = { kind: 'mtls', issuer: renews.issuer, names: renews.names, serial: renews.serial };
        expect(servedTtl(renews)).toBe(served);
      }
    },
  );

  it('for a longer life only with a grant', async () => {
    expect((await refusalOfAsync(() => renew({ ttl: HOUR + SECOND }))).code).toBe('not_granted');
    expect(issued(await renew({ ttl: HOUR })).rule).toBe('builtin:self-renewal');
    expect(issued(await renew({ ttl: MINUTE })).rule).toBe('builtin:self-renewal');
  });

  it('for other names never', async () => {
    const csr = makeRequest(await keyOf('ecdsa-p256'), {
      names: [{ kind: 'uri', value: 'spiffe://example.test/admin' }],
    });
    expect((await refusalOfAsync(() => renew({ proof: { csr } }))).code).toBe('names_differ');
  });

  it('names that the request has beside it do not count', async () => {
    const record = issued(await renew({ names: parseNames({ uri: ['spiffe://example.test/admin'] }) }));
    expect(record.names).toEqual(renews.names);
  });

  it.each([
    { issuer: 'clients', profile: 'client' },
    { issuer: 'servers', profile: 'server' },
  ])('not into the issuer $issuer', async (elsewhere) => {
    const refusal = await refusalOfAsync(() => renew(elsewhere));
    expect(refusal.code).toBe('invalid_request');
    expect(pipeline.journal.filter((entry) => entry === 'signed')).toHaveLength(1);
  });

  it('not once it has expired', async () => {
    pipeline.clock.set(renews.notAfter + SECOND);
    expect((await refusalOfAsync(() => renew())).code).toBe('certificate_expired');
  });

  it('not once it is revoked', async () => {
    renews = { ...renews, revokedAt: pipeline.clock.now(), revocationReason: 1 };
    expect((await refusalOfAsync(() => renew())).code).toBe('certificate_revoked');
  });
});

describe('OpenBao CVE-2026-39388: renewing with another certificate', () => {
  it('of another identity is refused', async () => {
    const other: Principal = {
      kind: 'mtls',
      issuer: 'workload',
      names: parseNames({ uri: ['spiffe://example.test/other'] }),
      serial: '0b',
    };
    expect((await refusalOfAsync(() => renew({ principal: other }))).code).toBe('not_granted');
  });

  it('of the same names but another serial is refused: only the certificate itself renews itself', async () => {
    expect(
      (await refusalOfAsync(() => renew({ principal: { ...holder, serial: '0c' } as Principal }))).code,
    ).toBe('not_granted');
  });

  it('is allowed by a grant with the verb renew, and only by that', async () => {
    const own = await makePipeline({ grants: [GENEROUS] });
    const record = issued(await own.issue({ renews, names: undefined }));
    expect(record.rule).toBe('generous');
    expect((await refusalOfAsync(() => pipeline.issue({ renews, names: undefined }))).code).toBe(
      'not_granted',
    );
  });
});

describe('OpenBao CVE-2026-39388: a renewal is bound to the certificate that logged in', () => {
  it('another certificate of the same names renews nothing without a grant', async () => {
    const twin = stored(issued(await pipeline.issue({ names: renews.names })).serial);
    expect(twin.names).toEqual(renews.names);
    const refusal = await refusalOfAsync(() =>
      renew({ principal: { kind: 'mtls', issuer: twin.issuer, names: twin.names, serial: twin.serial } }),
    );
    expect(refusal.code).toBe('not_granted');
  });
});

describe('a certificate that is revoked', () => {
  it('is renewed by nobody, not even with a grant', async () => {
    pipeline = await makePipeline({ grants: [{ ...GENEROUS, verbs: ['issue', 'renew'] }] });
    renews = stored(issued(await pipeline.issue({})).serial);
    pipeline.ledger.store.revoke(renews.serial, pipeline.clock.now(), 4);
    const refusal = await refusalOfAsync(() =>
      pipeline.issue({ renews: stored(renews.serial), names: undefined }),
    );
    expect(refusal.code).toBe('certificate_revoked');
  });

  it('while its renewal is on its way is not renewed: what was signed is discarded, on record', async () => {
    let go: () => void = () => undefined;
    pipeline.ledger.hold = new Promise((resolve) => (go = resolve));
    const renewal = refusalOfAsync(() => renew());
    await vi.waitFor(() => expect(pipeline.journal.at(-1)).toMatch(/^recording certificate/));
    pipeline.ledger.store.revoke(renews.serial, pipeline.clock.now(), 1);
    go();
    expect((await renewal).code).toBe('certificate_revoked');
    expect(pipeline.ledger.audit.slice(-2).map(({ event }) => event)).toEqual([
      'certificate.discarded',
      'certificate.refused',
    ]);
    expect(pipeline.ledger.store.certificates).toHaveLength(1);
  });

  it('takes its key along where that is blocked while a request with it is on its way', async () => {
    let go: () => void = () => undefined;
    pipeline.ledger.hold = new Promise((resolve) => (go = resolve));
    const request = refusalOfAsync(() => pipeline.issue({}));
    await vi.waitFor(() => expect(pipeline.journal.at(-1)).toMatch(/^recording certificate/));
    pipeline.ledger.store.block(renews.keyFingerprint);
    go();
    expect((await request).code).toBe('blocked_key');
    expect(pipeline.ledger.store.certificates).toHaveLength(1);
  });
});
