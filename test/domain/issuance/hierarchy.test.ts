import { describe, expect, it } from 'vitest';
import { DAY, HOUR, SECOND } from '../../../src/base/clock.ts';
import { findExtension, readCertificate } from '../../../src/x509/certificate.ts';
import {
  readBasicConstraints,
  readExtKeyUsage,
  readKeyUsage,
  readSubjectAltName,
} from '../../../src/x509/extensions.ts';
import { type KeyPair, signWith } from '../../../src/x509/key-pair.ts';
import { formatName } from '../../../src/x509/name.ts';
import { NULL } from '../../../src/x509/der.ts';
import { OID } from '../../../src/x509/oids.ts';
import {
  type CaSigner,
  prepareGeneration,
  type PreparedCaCertificate,
  prepareRoot,
  signCaCertificate,
} from '../../../src/domain/issuance/hierarchy.ts';
import { openGeneration, openRoot, type Root } from '../../../src/domain/issuance/issuer.ts';
import { TRUST_DOMAIN, URLS } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../../support/keys.ts';

const now = Date.UTC(2026, 5, 1, 12, 0, 0, 321);
const start = now - 321;
const serial = Buffer.from('4b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex');
const signer = (pair: KeyPair): CaSigner => ({
  sign: (_keyId, prepared: PreparedCaCertificate) => {
    const tbs = prepared.redeem();
    return { tbs, signature: signWith(pair, tbs) };
  },
});

async function makeRoot(
  name: string,
  algorithm: (typeof ONE_OF_EACH_TYPE)[number] = 'ecdsa-p384',
): Promise<{ root: Root; pair: KeyPair }> {
  const pair = await keyOf(algorithm, `root-${name}`);
  const prepared = prepareRoot({
    serial,
    publicKey: pair.publicKey,
    trustDomain: TRUST_DOMAIN,
    now,
    root: name,
  });
  const certificate = signCaCertificate(signer(pair), 'root', prepared);
  const facts = { name, line: name, number: 1, keyId: 'root', certificate, preparedAt: now };
  return { root: openRoot({ ...facts, activatedAt: now, retiredAt: null }), pair };
}

const value = (certificate: ReturnType<typeof readCertificate>, id: string) =>
  findExtension(certificate, id)?.value ?? NULL;

describe('roots', () => {
  it.each(ONE_OF_EACH_TYPE)(
    'with an %s key live ten years, sign certificates and CRLs, and nothing else',
    async (algorithm) => {
      const { root } = await makeRoot('internal', algorithm);
      const { certificate } = root;
      expect([certificate.notBefore, certificate.notAfter]).toEqual([
        start - HOUR,
        start - HOUR + 3650 * DAY - SECOND,
      ]);
      expect(readBasicConstraints(value(certificate, OID.basicConstraints))).toEqual({ ca: true });
      expect(readKeyUsage(value(certificate, OID.keyUsage))).toEqual(['keyCertSign', 'cRLSign']);
      expect(findExtension(certificate, OID.extKeyUsage)).toBeUndefined();
      expect(formatName(certificate.subject)).toBe('CN=Chancery internal root,O=example.test');
    },
  );

  it('only the workload root carries the trust domain, without a path (X509-SVID 3.2)', async () => {
    const workload = (await makeRoot('workload')).root.certificate;
    expect(readSubjectAltName(value(workload, OID.subjectAltName))).toEqual([
      { kind: 'uri', value: 'spiffe://example.test' },
    ]);
    expect(findExtension((await makeRoot('internal')).root.certificate, OID.subjectAltName)).toBeUndefined();
  });
});

async function plan(id = 'servers-1', at = now) {
  const { root, pair } = await makeRoot('internal');
  const { publicKey } = await keyOf('ecdsa-p256', id);
  return {
    pair,
    root,
    plan: { serial, publicKey, trustDomain: TRUST_DOMAIN, now: at, id, root, urls: URLS },
  };
}

describe('generations', () => {
  it('live a year, certify leaves only, for TLS in both directions', async () => {
    const { pair, plan: wanted, root } = await plan();
    const certificate = readCertificate(signCaCertificate(signer(pair), 'root', prepareGeneration(wanted)));
    expect(certificate.notAfter - certificate.notBefore + SECOND).toBe(365 * DAY);
    expect(readBasicConstraints(value(certificate, OID.basicConstraints))).toEqual({
      ca: true,
      pathLength: 0,
    });
    expect(readExtKeyUsage(value(certificate, OID.extKeyUsage))).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(Buffer.from(certificate.issuer)).toEqual(Buffer.from(root.certificate.subject));
  });

  it('do not outlive their root', async () => {
    const { plan: wanted } = await plan('servers-9', now + 3000 * DAY);
    expect(prepareGeneration(wanted)).toBeDefined();
    expect(refusalOf(() => prepareGeneration({ ...wanted, now: now + 3300 * DAY })).code).toBe(
      'issuer_expires_too_soon',
    );
  });

  it('of one issuer have different subjects, however long its name is', async () => {
    const long = 'a'.repeat(63);
    const { plan: wanted, pair } = await plan();
    const subjects = ['servers-1', 'servers-2', `${long}-1`, `${long}-2`, `${long}-12`].map((id) =>
      formatName(
        readCertificate(signCaCertificate(signer(pair), 'root', prepareGeneration({ ...wanted, id })))
          .subject,
      ),
    );
    expect(new Set(subjects).size).toBe(subjects.length);
    expect(subjects[0]).toBe('CN=Chancery servers-1,O=example.test');
  });

  it('are refused with a weak key before anything is signed', async () => {
    const { plan: wanted } = await plan();
    const { publicKey } = await keyOf('rsa-2048');
    const weak = {
      ...publicKey,
      rsa: { modulus: publicKey.rsa?.modulus ?? NULL, exponent: Buffer.from([3]) },
    };
    expect(refusalOf(() => prepareGeneration({ ...wanted, publicKey: weak })).code).toBe('lint_failed');
  });
});

describe('a CA certificate that is signed wrongly is discarded', () => {
  it.each<[string, (good: CaSigner, other: CaSigner) => CaSigner]>([
    ['by another key', (_good, other) => other],
    [
      'over other octets',
      (good) => ({
        sign: (keyId, prepared) => {
          const { tbs, signature } = good.sign(keyId, prepared);
          return { tbs: Uint8Array.from(tbs, (octet, i) => (i === 20 ? octet ^ 1 : octet)), signature };
        },
      }),
    ],
    [
      'with nothing',
      (good) => ({
        sign: (keyId, prepared) => ({ ...good.sign(keyId, prepared), signature: new Uint8Array(0) }),
      }),
    ],
    [
      'as nonsense',
      (good) => ({ sign: (keyId, prepared) => ({ ...good.sign(keyId, prepared), tbs: NULL }) }),
    ],
  ])('%s', async (_how, spoil) => {
    const { pair, plan: wanted } = await plan();
    const other = signer(await keyOf('ecdsa-p384', 'another root'));
    const refusal = refusalOf(() =>
      signCaCertificate(spoil(signer(pair), other), 'root', prepareGeneration(wanted)),
    );
    expect(refusal.code).toBe('self_check_failed');
  });

  it('and nothing is signed twice', async () => {
    const { pair, plan: wanted } = await plan();
    const prepared = prepareGeneration(wanted);
    signCaCertificate(signer(pair), 'root', prepared);
    expect(refusalOf(() => signCaCertificate(signer(pair), 'root', prepared)).code).toBe('internal');
  });
});

describe('a generation', () => {
  it('opens with key and key identifier of its certificate', async () => {
    const { pair, plan: wanted } = await plan();
    const certificate = signCaCertificate(signer(pair), 'root', prepareGeneration(wanted));
    const facts = {
      id: 'servers-1',
      issuer: 'servers',
      root: 'internal',
      number: 1,
      keyId: 'k',
      shards: 4,
      preparedAt: 0,
      activatedAt: 0,
      retiredAt: null,
      stopped: null,
    };
    const generation = openGeneration({ ...facts, certificate });
    expect(Buffer.from(generation.publicKey.spki)).toEqual(Buffer.from(wanted.publicKey.spki));
    expect(generation.subjectKeyIdentifier).toHaveLength(20);
  });
});
