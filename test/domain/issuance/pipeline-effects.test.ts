import { beforeEach, describe, expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import { toHex } from '../../../src/x509/bytes.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import type { KeyPair } from '../../../src/x509/key-pair.ts';
import { ChanceryError } from '../../../src/base/errors.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { issue } from '../../../src/domain/issuance/issue.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { refusalOf, refusalOfAsync } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { goodParts, prepareParts } from '../../support/leaf.ts';
import { DOOR, issued, makePipeline, type Pipeline, service } from '../../support/pipeline.ts';

let pipeline: Pipeline;
let own: KeyPair;
beforeEach(async () => {
  own = await keyOf('ecdsa-p256');
  pipeline = await makePipeline();
});

const RECORDED = 'certificate + certificate.issued';

describe('the order of effects', () => {
  it('signs, records, and only then answers', async () => {
    await pipeline.issue({});
    expect(pipeline.journal).toEqual(['signed', `recording ${RECORDED}`, `recorded ${RECORDED}`]);
  });

  it('answers nothing while the record is not durable', async () => {
    let release = (): void => undefined;
    pipeline.ledger.hold = new Promise((resolve) => (release = resolve));
    let answered = false;
    const answer = pipeline.issue({}).then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pipeline.journal).toEqual(['signed', `recording ${RECORDED}`]);
    expect(answered).toBe(false);
    release();
    await answer;
    expect(pipeline.journal.at(-1)).toBe(`recorded ${RECORDED}`);
  });

  it.each(['store_unavailable', 'audit_unavailable'] as const)(
    'answers %s when the ledger does',
    async (code) => {
      pipeline.ledger.store.failWith = new ChanceryError(code, 'the disk is full');
      const refusal = await refusalOfAsync(() => pipeline.issue({}));
      expect(refusal.code).toBe(code);
      expect(pipeline.ledger.store.certificates.length).toBe(0);
    },
  );

  it('refuses with the ledger’s error where a refusal cannot be audited', async () => {
    const refused = await makePipeline({ grants: [] });
    refused.ledger.store.failWith = new ChanceryError('audit_unavailable', 'the disk is full');
    expect((await refusalOfAsync(() => refused.issue({}))).code).toBe('audit_unavailable');
  });

  it('records what it answers: certificate, names, rule, serial, key', async () => {
    const record = issued(await pipeline.issue({}));
    const certificate = readCertificate(record.der);
    const stored = pipeline.ledger.findCertificate(record.serial);
    expect(stored).toMatchObject({
      rule: 'generous',
      revokedAt: null,
      profile: 'workload',
      issuer: 'workload',
    });
    expect(stored?.der).toEqual(record.der);
    expect(toHex(certificate.serial)).toBe(record.serial);
    expect(record.keyFingerprint).toBe(toHex(own.publicKey.fingerprint));
    expect([certificate.notBefore, certificate.notAfter]).toEqual([record.notBefore, record.notAfter]);
    expect(pipeline.ledger.audit).toHaveLength(1);
    expect(pipeline.ledger.audit[0]).toMatchObject({
      event: 'certificate.issued',
      outcome: 'allowed',
      principal: 'mtls:clients:spiffe://example.test/service',
      address: '192.0.2.1',
      details: {
        serial: record.serial,
        rule: 'generous',
        keyMade: 'by the caller',
        names: ['uri:spiffe://example.test/app'],
      },
    });
  });

  it('spreads certificates over the shards that their CRL URL names', async () => {
    for (let i = 0; i < 20; i++) {
      const record = issued(await pipeline.issue({}));
      expect(record.shard).toBe((readCertificate(record.der).serial.at(-1) ?? 0) % 4);
      expect(Buffer.from(record.der).includes(`/crl/workload-1/${record.shard}.crl`)).toBe(true);
    }
  });
});

describe('step-ca CVE-2026-30836, CVE-2025-44005: one gate in front of the signer', () => {
  const refusals: readonly (readonly [string, string, (p: Pipeline) => Promise<unknown>])[] = [
    ['an unknown profile', 'not_found', (p) => p.issue({ profile: 'nothing' })],
    ['a profile called __proto__', 'not_found', (p) => p.issue({ profile: '__proto__' })],
    ['an unknown issuer', 'not_found', (p) => p.issue({ issuer: 'nobody' })],
    ['an issuer without the profile', 'profile_violation', (p) => p.issue({ issuer: 'servers' })],
    ['no name', 'profile_violation', (p) => p.issue({ names: [] })],
    ['too long a life', 'profile_violation', (p) => p.issue({ ttl: 25 * HOUR })],
    [
      'a CSR that is none',
      'malformed_csr',
      (p) => p.issue({ proof: { csr: Buffer.from('3003020100', 'hex') } }),
    ],
    [
      'another trust domain',
      'profile_violation',
      (p) => p.issue({ names: parseNames({ uri: ['spiffe://other.test/app'] }) }),
    ],
    [
      'a reserved name',
      'not_granted',
      (p) => p.issue({ names: parseNames({ uri: ['spiffe://example.test/chancery/admin'] }) }),
    ],
    [
      'another principal',
      'not_granted',
      (p) =>
        p.issue({
          principal: {
            kind: 'mtls',
            issuer: 'clients',
            names: parseNames({ dns: ['other.example.test'] }),
            serial: '0b',
          },
        }),
    ],
    [
      'a system principal without a grant',
      'not_granted',
      (p) => p.issue({ principal: { kind: 'system', name: 'server' } }),
    ],
  ];

  it.each(refusals)('%s is refused with %s: audited, not signed', async (_what, code, action) => {
    const refusal = await refusalOfAsync(() => action(pipeline));
    expect(refusal.code).toBe(code);
    expect(refusal.detail.rule).toBeTruthy();
    expect(pipeline.journal).toEqual(['recording certificate.refused', 'recorded certificate.refused']);
    expect(pipeline.ledger.audit[0]).toMatchObject({ outcome: 'refused', details: { code } });
  });

  it('a guard that refuses stops everything before the request is even read', async () => {
    const guard = (): never => {
      throw new ChanceryError('clock_went_back', 'it is yesterday');
    };
    const request = { principal: service, door: DOOR, profile: 'workload', proof: { csr: Buffer.alloc(0) } };
    const refusal = await refusalOfAsync(() => issue({ ...pipeline.ports, guard }, request));
    expect(refusal.code).toBe('clock_went_back');
    expect(pipeline.journal).toEqual(['recording certificate.refused', 'recorded certificate.refused']);
  });
});

describe('a prepared certificate', () => {
  it('is redeemed once', () => {
    const generation = pipeline.authorities.get('workload')?.generation;
    if (generation === undefined) throw new Error('no generation');
    const leaf = {
      generation,
      profile: DEFAULT_PROFILES.workload,
      publicKey: own.publicKey,
      now: pipeline.clock.now(),
      names: [{ kind: 'uri', value: 'spiffe://example.test/app' }] as const,
    };
    const prepared = prepareParts(goodParts(leaf), leaf);
    const octets = prepared.redeem();
    expect(prepared.isLinted(octets)).toBe(true);
    expect(refusalOf(() => prepared.redeem()).code).toBe('internal');
    octets[octets.length - 1] = (octets.at(-1) ?? 0) ^ 1;
    expect(prepared.isLinted(octets)).toBe(false);
  });
});
