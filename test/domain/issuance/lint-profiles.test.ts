import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../../src/x509/certificate.ts';
import { readPublicKey } from '../../../src/x509/public-key.ts';
import { verifySignature } from '../../../src/x509/signature.ts';
import { lintCertificate, lintForeignCertificate } from '../../../src/domain/issuance/lint/index.ts';
import { lintIssuer } from '../../../src/domain/issuance/prepare.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../../support/keys.ts';
import { issued, makePipeline } from '../../support/pipeline.ts';
import { makeRequest } from '../../support/request.ts';

const NAMES = {
  workload: {
    uri: ['spiffe://example.test/ns/prod/sa/api'],
    dns: ['api.example.test'],
    ip: ['10.0.0.1', 'fd00::1'],
  },
  server: { dns: ['api.example.test', '*.api.example.test', 'localhost'], ip: ['127.0.0.1', '::1'] },
  client: { email: ['Ann@example.test'], dns: ['laptop.example.test'] },
} as const;
const ISSUERS = { workload: 'workload', server: 'servers', client: 'clients' } as const;

const cases = ONE_OF_EACH_TYPE.flatMap((issuerKey) =>
  (['workload', 'server', 'client'] as const).map((profile) => [profile, issuerKey] as const),
);

describe.each(cases)('the profile %s from an issuer with an %s key', (profile, issuerKey) => {
  it.each(ONE_OF_EACH_TYPE)('certifies an %s key, and no lint has anything to say', async (algorithm) => {
    const pipeline = await makePipeline({ algorithm: issuerKey });
    const own = await keyOf(algorithm);
    const record = issued(
      await pipeline.issue({ profile, names: parseNames(NAMES[profile]), proof: { csr: makeRequest(own) } }),
    );
    const certificate = readCertificate(record.der);
    const generation = pipeline.authorities.get(ISSUERS[profile])?.generation;
    if (generation === undefined) throw new Error('no generation');
    const subject = {
      certificate: certificate.tbs,
      publicKey: readPublicKey(certificate.spki),
      issuer: lintIssuer(generation),
      profile: DEFAULT_PROFILES[profile],
      trustDomain: TRUST_DOMAIN,
      now: pipeline.clock.now(),
    };
    expect(lintCertificate(subject)).toEqual([]);
    expect(lintForeignCertificate(subject)).toEqual([]);
    expect(Buffer.from(certificate.spki)).toEqual(Buffer.from(own.publicKey.spki));
    expect(
      verifySignature(
        certificate.signatureAlgorithm,
        certificate.tbs.raw,
        certificate.signature,
        generation.publicKey,
      ),
    ).toBe(true);
  });
});
