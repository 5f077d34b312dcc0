/** What `issuer crl verify` says of a CRL. */
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { type Judged, judgeCrl } from '../../src/cli/issuer/crl-verify.ts';
import { readCertificateList } from '../../src/x509/crl.ts';
import {
  assembleCertificateList,
  type CrlTemplate,
  encodeCrlEntry,
  encodeTbsCertList,
} from '../../src/x509/crl-writer.ts';
import { issuingDistributionPoint } from '../../src/x509/distribution-point.ts';
import { signWith } from '../../src/x509/key-pair.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { type Authority, makeAuthority } from '../support/authority.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const URL_0 = 'http://127.0.0.1:8080/crl/servers-1/0.crl';
let authority: Authority;
beforeAll(async () => {
  authority = await makeAuthority({ now: NOON });
});

const entry = (serial: string): Uint8Array =>
  encodeCrlEntry({ serial: Buffer.from(serial, 'hex'), revokedAt: NOON, reason: 'superseded' });

function judge(
  template: Partial<CrlTemplate> = {},
  judged: Partial<Judged> = {},
  damage?: (der: Buffer) => void,
): { readonly exit: number; readonly faults: readonly string[]; readonly scope: string | undefined } {
  const { generation, issuerKey } = authority;
  const { identifier } = signatureAlgorithmFor(issuerKey.publicKey.type);
  const tbs = encodeTbsCertList({
    signatureAlgorithm: identifier,
    issuer: generation.certificate.subject,
    thisUpdate: NOON,
    nextUpdate: NOON + DAY,
    number: 7n,
    keyIdentifier: keyIdentifier(issuerKey.publicKey.keyBits),
    entries: entry('41'),
    ...template,
  });
  const der = Buffer.from(assembleCertificateList(tbs, identifier, signWith(issuerKey, tbs)));
  damage?.(der);
  const report = judgeCrl({
    list: readCertificateList(der),
    issuer: generation.certificate,
    url: undefined,
    published: [],
    now: NOON + HOUR,
    ...judged,
  });
  const { faults, scope } = report.resource as { faults: string[]; scope?: string };
  return { exit: report.exit, faults, scope };
}

const published = (scope: string, url: string, number: string) => ({
  generation: 'servers-1',
  scope,
  url,
  number,
});

describe('a CRL that is verified', () => {
  test('is sound, complete or a shard, newest of what is published', () => {
    expect(judge()).toEqual({ exit: 0, faults: [], scope: 'full' });
    expect(judge({}, { published: [published('full', 'http://127.0.0.1:8080/x', '7')] }).exit).toBe(0);
    const shard = { extensions: [issuingDistributionPoint(URL_0)] };
    expect(judge(shard, { url: URL_0, published: [published('0', URL_0, '7')] })).toEqual({
      exit: 0,
      faults: [],
      scope: '0',
    });
  });

  const shardAt = (critical: boolean) => ({
    extensions: [{ ...issuingDistributionPoint(URL_0), critical }],
  });
  test.each<[string, Parameters<typeof judge>, RegExp]>([
    ['another number than is published', [{}, { published: [published('full', 'x', '8')] }], /newest.* is 8/],
    ['the URL of another shard', [shardAt(true), { url: URL_0.replace('0.crl', '1.crl') }], /does not name/],
    ['a scope that is not critical', [shardAt(false), {}], /not critical/],
    ['a nextUpdate that is over', [{}, { now: NOON + DAY }], /ran out/],
    ['a thisUpdate ahead', [{}, { now: NOON - HOUR }], /lies ahead/],
    [
      'an entry that cannot be read',
      [{ entries: Buffer.from('30020101', 'hex') }, {}],
      /entry cannot be read/,
    ],
    [
      'a certificate that stands there twice',
      [{ entries: Buffer.concat([entry('41'), entry('41')]) }, {}],
      /twice/,
    ],
    ['a signature that does not verify', [{}, {}, (der) => der.fill(1, der.length - 4)], /does not verify/],
    ['another issuer', [{ issuer: Buffer.from('3000', 'hex') }, {}], /its issuer is not/],
  ])('is not to be used with %s', (_what, call, fault) => {
    const { exit, faults } = judge(...call);
    expect(exit).toBe(3);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });
});
