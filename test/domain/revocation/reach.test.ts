/** noRevAvail (RFC 9608) from the profile to the certificate, and what its revocation can reach. */
import { expect, test } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { prepareLeaf } from '../../../src/domain/issuance/prepare.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { reachNotice, revocationReach } from '../../../src/domain/revocation/reach.ts';
import { findExtension, readCertificate, readTbsCertificate } from '../../../src/x509/certificate.ts';
import { readAuthorityInfoAccess } from '../../../src/x509/extensions.ts';
import { OID } from '../../../src/x509/oids.ts';
import { TRUST_DOMAIN, URLS } from '../../support/authority.ts';
import { keyOf } from '../../support/keys.ts';
import { issued, makePipeline } from '../../support/pipeline.ts';

const PROFILES = {
  ...DEFAULT_PROFILES,
  workload: { ...DEFAULT_PROFILES.workload, noRevAvail: true },
};

test('a certificate of a profile with noRevAvail names its issuer’s certificate, no CRL and no OCSP responder', async () => {
  const { issue } = await makePipeline({ profiles: PROFILES });
  const record = issued(await issue({ profile: 'workload' }));
  const certificate = readCertificate(record.der);
  expect(findExtension(certificate, OID.noRevAvail)).toMatchObject({ critical: false });
  expect(Buffer.from(findExtension(certificate, OID.noRevAvail)?.value ?? []).toString('hex')).toBe('0500');
  expect(findExtension(certificate, OID.cRLDistributionPoints)).toBeUndefined();
  const access = findExtension(certificate, OID.authorityInfoAccess);
  expect(access && readAuthorityInfoAccess(access.value)).toEqual({
    ocsp: [],
    caIssuers: [URLS.certificate(record.generation)],
  });
  expect(revocationReach(record)).toBe('here');
  expect(reachNotice('here')).toMatch(/only this server refuses it/);
});

test('of the built-in profiles none has it: their revocation reaches everybody', async () => {
  expect(Object.values(DEFAULT_PROFILES).filter(({ noRevAvail }) => noRevAvail)).toEqual([]);
  const { issue } = await makePipeline();
  const record = issued(await issue({ profile: 'workload' }));
  expect(findExtension(readCertificate(record.der), OID.noRevAvail)).toBeUndefined();
  expect(revocationReach(record)).toBe('everybody');
  expect(reachNotice('everybody')).toBeUndefined();
});

test('one generation serves both kinds in turn', async () => {
  const { authorities, clock } = await makePipeline();
  const generation = authorities.get('workload')?.generation;
  if (generation === undefined) throw new Error('no generation');
  const { publicKey } = await keyOf('ecdsa-p256');
  const has = [false, true, false, true].map((noRevAvail, i) => {
    const { prepared } = prepareLeaf({
      serial: Buffer.from(`5b1f0c2d3e4a59687786a5b4c3d2e1f${i}`, 'hex'),
      profile: { ...DEFAULT_PROFILES.workload, noRevAvail },
      generation,
      names: parseNames({ uri: ['spiffe://example.test/app'] }),
      publicKey,
      ttl: HOUR,
      trustDomain: TRUST_DOMAIN,
      urls: URLS,
      now: clock.now(),
    });
    const ids = readTbsCertificate(prepared.redeem()).extensions.map(({ id }) => id);
    return [ids.includes(OID.noRevAvail), ids.includes(OID.cRLDistributionPoints)];
  });
  expect(has).toEqual([
    [false, true],
    [true, false],
    [false, true],
    [true, false],
  ]);
});
