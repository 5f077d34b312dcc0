import { describe, expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import { OID } from '../../../src/x509/oids.ts';
import {
  authenticateCertificate,
  type LoginRecord,
  type LoginRules,
  type PresentedCertificate,
} from '../../../src/domain/identity/authenticate.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { isReservedPrincipal, principalId, principalIds } from '../../../src/domain/identity/principal.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';

const now = Date.UTC(2026, 5, 1);
const presented: PresentedCertificate = {
  serial: '40aa',
  fingerprint: 'ff'.repeat(32),
  extKeyUsage: [OID.serverAuth, OID.clientAuth],
};
const record: LoginRecord = {
  serial: '40aa',
  fingerprint: 'ff'.repeat(32),
  issuer: 'clients',
  generation: 'clients-1',
  profile: 'client',
  names: parseNames({ uri: ['spiffe://example.test/ops/ann'], dns: ['ann.example.test'] }),
  notBefore: now - HOUR,
  notAfter: now + HOUR,
  revokedAt: null,
};
const rules: LoginRules = {
  issuers: new Set(['clients', 'workload']),
  profiles: new Set(['client', 'workload']),
  generationFault: (generation) => (generation === 'clients-1' ? undefined : 'was revoked by its root'),
};
const login = (
  changes: {
    presented?: Partial<PresentedCertificate>;
    record?: Partial<LoginRecord> | null;
    at?: number;
  } = {},
) =>
  authenticateCertificate(
    { ...presented, ...changes.presented },
    changes.record === null ? undefined : { ...record, ...changes.record },
    rules,
    changes.at ?? now,
  );

describe('a login by certificate', () => {
  it('is the identity that was recorded when it was issued, not what the certificate says', () => {
    expect(login()).toEqual({ kind: 'mtls', issuer: 'clients', names: record.names, serial: '40aa' });
    expect(principalIds(login())).toEqual([
      'mtls:clients:spiffe://example.test/ops/ann',
      'mtls:clients:dns:ann.example.test',
    ]);
    expect(principalId(login())).toBe('mtls:clients:spiffe://example.test/ops/ann');
  });

  it('works from the first to the last moment of its life', () => {
    expect(login({ at: record.notBefore }).kind).toBe('mtls');
    expect(login({ at: record.notAfter }).kind).toBe('mtls');
  });
});

describe('Vault CVE-2025-6037, CVE-2020-16250: who is not what we issued does not log in', () => {
  it.each<[string, Parameters<typeof login>[0]]>([
    ['an unknown certificate', { record: null }],
    ['the serial of one with the octets of another', { presented: { fingerprint: '00'.repeat(32) } }],
    ['before its life', { at: record.notBefore - 1 }],
    ['of a generation that is revoked', { record: { generation: 'clients-2' } }],
    ['after its life', { at: record.notAfter + 1 }],
    ['of an issuer that does not authenticate', { record: { issuer: 'servers' } }],
    ['of a profile that does not log in', { record: { profile: 'server' } }],
    ['without clientAuth', { presented: { extKeyUsage: [OID.serverAuth] } }],
    ['with anyExtendedKeyUsage only', { presented: { extKeyUsage: [OID.anyExtendedKeyUsage] } }],
    ['without any purpose', { presented: { extKeyUsage: [] } }],
  ])('%s', (_what, changes) => {
    const refusal = refusalOf(() => login(changes));
    expect(refusal.code).toBe('credential_rejected');
    expect(refusal.detail.rule).toBeTruthy();
  });
});

describe('Vault CVE-2022-41316, nebula-mesh: the revoked state is asked for at every login', () => {
  it('a revoked certificate does not log in, whenever it was revoked', () => {
    for (const revokedAt of [0, now - HOUR, now, now + HOUR])
      expect(refusalOf(() => login({ record: { revokedAt } })).message).toContain('revoked');
  });
});

describe('reserved principals', () => {
  it.each([
    ['system:server', true],
    ['mtls:clients:spiffe://example.test/chancery/admin', true],
    ['mtls:workload:spiffe://example.test/chancery', true],
    ['mtls:clients:spiffe://example.test/ops', false],
    ['mtls:clients:spiffe://other.test/chancery/admin', false],
    ['mtls:clients:dns:system', false],
    ['mtls:clients:email:spiffe@example.test', false],
    ['acme:system:server', false],
  ])('%s: %s', (id, reserved) => {
    expect(isReservedPrincipal(id, TRUST_DOMAIN)).toBe(reserved);
  });
});
