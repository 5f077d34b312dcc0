import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import { NULL } from '../../src/x509/der.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { basicConstraints, extKeyUsage, keyUsage, readSubjectAltName } from '../../src/x509/extensions.ts';
import type { NameKind } from '../../src/x509/general-name.ts';
import { commonName, EMPTY_NAME, encodeName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { lintCertificate } from '../../src/domain/issuance/lint/index.ts';
import { lintIssuer } from '../../src/domain/issuance/prepare.ts';
import { DEFAULT_PROFILES } from '../../src/domain/issuance/profile.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { type Name, parseName } from '../../src/domain/identity/names.ts';
import { TRUST_DOMAIN } from '../support/authority.ts';
import { keyOf } from '../support/keys.ts';
import { makePipeline, SERVICE_ID } from '../support/pipeline.ts';
import { makeRequest } from '../support/request.ts';
import { RUNS } from './runs.ts';

const GRANTED = ['spiffe://example.test/app', 'a.app.example.test', 'b.app.example.test', '10.0.0.1'];
const good = fc.constantFrom(
  { kind: 'uri', value: 'spiffe://example.test/app' } as const,
  { kind: 'dns', value: 'a.app.example.test' } as const,
  { kind: 'dns', value: 'B.APP.example.test' } as const,
  { kind: 'ip', value: '10.0.0.1' } as const,
);
const bad = fc.constantFrom(
  { kind: 'uri', value: 'spiffe://example.test/admin' } as const,
  { kind: 'uri', value: 'spiffe://example.test/chancery/admin' } as const,
  { kind: 'uri', value: 'spiffe://example.test/app/../admin' } as const,
  { kind: 'uri', value: 'https://example.test/app' } as const,
  { kind: 'dns', value: 'evil.test' } as const,
  { kind: 'dns', value: 'a.app.example.test\0.evil.test' } as const,
  { kind: 'ip', value: '10.0.0.2' } as const,
  { kind: 'email', value: 'ann@example.test' } as const,
);
const name = fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: bad });
const extension = fc.constantFrom(
  basicConstraints({ ca: false }),
  basicConstraints({ ca: true }),
  keyUsage(['keyEncipherment']),
  keyUsage(['keyCertSign']),
  extKeyUsage([OID.anyExtendedKeyUsage]),
  { id: '1.3.6.1.4.1.55555.1', critical: true, value: NULL },
);
const request = fc.record({
  csr: fc.record({
    subject: fc.constantFrom(
      EMPTY_NAME,
      encodeName([commonName('evil.test')]),
      encodeName([commonName('a.app.example.test')]),
    ),
    names: fc.array(name, { maxLength: 3 }),
    extensions: fc.array(extension, { maxLength: 1 }),
  }),
  asked: fc.option(fc.array(name, { maxLength: 3 }), { nil: undefined }),
  profile: fc.constantFrom('workload', 'server', 'client'),
  ttl: fc.option(
    fc.integer({ min: -1, max: 200_000 }).map((seconds) => seconds * 1000),
    { nil: undefined },
  ),
});

function parsed(asked: readonly { readonly kind: NameKind; readonly value: string }[]): Name[] | 'refused' {
  try {
    return asked.map(({ kind, value }) => parseName(kind, value));
  } catch (error) {
    if (isChanceryError(error)) return 'refused';
    throw error;
  }
}

describe('the pipeline', () => {
  it('issues granted names and nothing else, whatever a request says', async () => {
    const pipeline = await makePipeline({
      grants: [
        {
          principal: SERVICE_ID,
          verbs: ['issue'],
          issuer: '*',
          profiles: ['*'],
          uri: ['spiffe://example.test/app'],
          dns: ['*.app.example.test'],
          ip: ['10.0.0.1'],
        },
      ],
    });
    const own = await keyOf('ecdsa-p256');
    let issued = 0;
    await fc.assert(
      fc.asyncProperty(request, async ({ csr, asked, profile, ttl }) => {
        pipeline.journal.length = 0;
        const names = asked === undefined ? undefined : parsed(asked);
        if (names === 'refused') return;
        try {
          const answer = await pipeline.issue({
            profile,
            ttl,
            proof: { csr: makeRequest(own, csr) },
            names,
          });
          if (answer.kind !== 'issued') throw new Error('claimed without a claim');
          issued++;
          const certificate = readCertificate(answer.record.der);
          const san = certificate.extensions.find(({ id }) => id === OID.subjectAltName)?.value ?? NULL;
          for (const { value } of readSubjectAltName(san)) expect(GRANTED).toContain(value);
          expect(
            lintCertificate({
              certificate: certificate.tbs,
              publicKey: readPublicKey(certificate.spki),
              issuer: lintIssuer(answer.generation),
              profile: DEFAULT_PROFILES[profile],
              trustDomain: TRUST_DOMAIN,
              now: pipeline.clock.now(),
            }),
          ).toEqual([]);
        } catch (error) {
          if (!isChanceryError(error)) throw error;
          expect(error.code).not.toBe('lint_failed'); // what cannot be issued is refused by name before
          expect(pipeline.journal).toEqual(['recording certificate.refused', 'recorded certificate.refused']);
        }
      }),
      { numRuns: RUNS / 2 },
    );
    expect(issued).toBeGreaterThan(RUNS / 200);
  });
});
