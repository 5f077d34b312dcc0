/** What a constrained issuer may certify: refused before it signs exactly where a validator would refuse it. */
import { describe, expect, test } from 'vitest';
import { DAY } from '../../../src/base/clock.ts';
import { isChanceryError } from '../../../src/base/errors.ts';
import { type Name } from '../../../src/domain/identity/names.ts';
import { prepareGeneration, prepareRoot, signCaCertificate } from '../../../src/domain/issuance/hierarchy.ts';
import { openGeneration, openRoot } from '../../../src/domain/issuance/issuer.ts';
import { prepareLeaf } from '../../../src/domain/issuance/prepare.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { validateCertificationPath } from '../../../src/domain/path/search.ts';
import { caSigner } from '../../../src/server/signers.ts';
import { signingKeyOf } from '../../../src/keys/software/index.ts';
import type { NameKind } from '../../../src/x509/general-name.ts';
import { type NameConstraints, parseSubtree } from '../../../src/x509/name-constraints.ts';
import { signCertificate, TRUST_DOMAIN, URLS } from '../../support/authority.ts';
import { keyOf } from '../../support/keys.ts';
import { authorityKeyIdentifier, subjectAltName } from '../../../src/x509/extensions.ts';
import { EMPTY_NAME } from '../../../src/x509/name.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const serial = Buffer.from('4b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex');
const server = DEFAULT_PROFILES.server;
/** Takes any name, so that nothing but the constraints decides. */
const open = {
  ...server,
  names: {
    uri: { min: 0, max: 5 },
    dns: { min: 0, max: 5 },
    ip: { min: 0, max: 5 },
    email: { min: 0, max: 5 },
  },
};

/** `permitted dns:example.test, excluded ip:10.0.0.0/8` */
function read(text: string): NameConstraints {
  const constraints = {
    permitted: [] as NameConstraints['permitted'][number][],
    excluded: [] as NameConstraints['permitted'][number][],
  };
  for (const [, list, kind, value] of text.matchAll(/(permitted|excluded) (\w+):([^,]+)/g)) {
    const subtree = parseSubtree(kind as NameKind, value ?? '');
    if (subtree === undefined) throw new Error(`${value} is no subtree`);
    constraints[list as 'permitted'].push(subtree);
  }
  return constraints;
}

const name = (text: string): Name => {
  const colon = text.indexOf(':');
  return { kind: text.slice(0, colon) as NameKind, value: text.slice(colon + 1) };
};

async function hierarchy(nameConstraints: NameConstraints) {
  const [rootPair, pair] = await Promise.all([keyOf('ecdsa-p384', 'root'), keyOf('ecdsa-p256', 'issuer')]);
  const key = signingKeyOf('root', rootPair);
  const signer = caSigner({ open: () => key });
  const ca = { serial, trustDomain: TRUST_DOMAIN, now: NOW };
  const der = signCaCertificate(
    signer,
    'root',
    prepareRoot({ ...ca, root: 'internal', publicKey: rootPair.publicKey }),
  );
  const root = openRoot({
    ...{ name: 'internal', line: 'internal', number: 1, keyId: 'root', certificate: der },
    ...{ preparedAt: NOW, activatedAt: NOW, retiredAt: null },
  });
  const certificate = signCaCertificate(
    signer,
    'root',
    prepareGeneration({
      ...{ ...ca, id: 'servers-1', root, publicKey: pair.publicKey, urls: URLS },
      bounds: { nameConstraints },
    }),
  );
  const facts = { id: 'servers-1', issuer: 'servers', root: 'internal', number: 1, keyId: 'k', shards: 4 };
  const generation = openGeneration(
    { ...facts, certificate, preparedAt: NOW, activatedAt: NOW, retiredAt: null, stopped: null },
    root,
  );
  return { root, generation, pair };
}

describe('30 vectors', () => {
  test.each<[constraints: string, names: string, allowed: boolean]>([
    ['permitted dns:example.test', 'dns:example.test', true],
    ['permitted dns:example.test', 'dns:a.example.test', true],
    ['permitted dns:example.test', 'dns:a.b.example.test', true],
    ['permitted dns:example.test', 'dns:badexample.test', false],
    ['permitted dns:example.test', 'dns:example.test.evil', false],
    ['permitted dns:EXAMPLE.test', 'dns:a.example.test', true],
    ['permitted dns:example.test', 'dns:*.example.test', true],
    ['permitted dns:a.example.test', 'dns:*.example.test', false],
    ['permitted dns:example.test', 'dns:a.example.test dns:other.test', false],
    ['permitted dns:example.test', 'ip:10.1.2.3', true],
    ['permitted dns:example.test, permitted dns:other.test', 'dns:a.other.test', true],
    ['excluded dns:example.test', 'dns:a.example.test', false],
    ['excluded dns:example.test', 'dns:example.test', false],
    ['excluded dns:example.test', 'dns:other.test', true],
    ['excluded dns:a.example.test', 'dns:*.example.test', false],
    ['excluded dns:a.b.example.test', 'dns:*.example.test', true],
    ['permitted dns:example.test, excluded dns:secret.example.test', 'dns:a.example.test', true],
    ['permitted dns:example.test, excluded dns:secret.example.test', 'dns:x.secret.example.test', false],
    ['permitted ip:10.0.0.0/8', 'ip:10.255.255.255', true],
    ['permitted ip:10.0.0.0/8', 'ip:11.0.0.0', false],
    ['permitted ip:10.0.0.0/8', 'ip:fd00::1', false],
    ['permitted ip:10.128.0.0/9', 'ip:10.127.255.255', false],
    ['permitted ip:fd00::/8', 'ip:fd12::1', true],
    ['excluded ip:0.0.0.0/0, excluded ip:::/0', 'ip:192.0.2.1', false],
    ['permitted uri:example.test', 'uri:spiffe://example.test/app', true],
    ['permitted uri:other.test', 'uri:spiffe://example.test/app', false],
    ['excluded uri:example.test', 'uri:spiffe://example.test/app', false],
    ['permitted uri:.example.test', 'uri:spiffe://example.test/app', false],
    ['permitted email:example.test', 'email:ann@example.test', true],
    ['permitted email:.example.test', 'email:ann@example.test', false],
  ])('%s: %s %s', async (constraints, names, allowed) => {
    const { root, generation, pair } = await hierarchy(read(constraints));
    const list = names.split(' ').map(name);
    const { publicKey } = await keyOf('ecdsa-p256', 'leaf');
    const plan = { serial, profile: open, generation, names: list, publicKey, ttl: DAY, urls: URLS };
    let refused: string | undefined;
    try {
      prepareLeaf({ ...plan, trustDomain: TRUST_DOMAIN, now: NOW });
    } catch (error) {
      if (!isChanceryError(error)) throw error;
      expect(error.detail.errors?.map(({ field }) => field)).toEqual(['name_constraints']);
      refused = error.code;
    }
    expect(refused).toBe(allowed ? undefined : 'lint_failed');
    // whoever signs it nevertheless convinces nobody
    const leaf = signCertificate(
      {
        ...{ serial, issuer: generation.certificate.subject, subject: EMPTY_NAME, spki: publicKey.spki },
        ...{
          notBefore: NOW,
          notAfter: NOW + DAY,
          extensions: [authorityKeyIdentifier(generation.subjectKeyIdentifier), subjectAltName(list, true)],
        },
      },
      pair,
    );
    const judged = validateCertificationPath({
      leaf,
      untrusted: [generation.certificate.raw],
      anchors: [root.certificate.raw],
      at: NOW,
    });
    expect([judged.valid, judged.valid ? undefined : judged.code]).toEqual([
      allowed,
      allowed ? undefined : 'name_constraints',
    ]);
  });
});

test.each(['*.example.test', '', 'exämple.test', '10.0.0.1', 'a..b', 'example.test.'])(
  '%j bounds no DNS name',
  (text) => {
    expect(parseSubtree('dns', text)).toBeUndefined();
  },
);

test.each(['10.0.0.1/8', '10.0.0.0/33', 'example.test', '10.0.0.0/0x8'])('%j bounds no address', (text) => {
  expect(parseSubtree('ip', text)).toBeUndefined();
});
