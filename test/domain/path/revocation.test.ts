/** CRLs that were handed in: who is covered, what makes a list unfit, and who may sign it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { HOUR, SECOND } from '../../../src/base/clock.ts';
import type { PathFault, PathRequest, PathResult } from '../../../src/domain/path/result.ts';
import { validateCertificationPath } from '../../../src/domain/path/search.ts';
import { type Bytes, fromAscii } from '../../../src/x509/bytes.ts';
import { context, contextConstructed, sequence, smallInteger, TAG, tlv } from '../../../src/x509/der.ts';
import {
  authorityInfoAccess,
  crlDistributionPoints,
  type Extension,
  keyUsage,
  NO_REV_AVAIL,
} from '../../../src/x509/extensions.ts';
import { OID } from '../../../src/x509/oids.ts';
import {
  type CrlOptions,
  dns,
  makeCa,
  makeCrl,
  makeLeaf,
  NOW,
  type Party,
  unknownExtension,
} from '../../support/chains.ts';

const NAMES = dns('api.example.test');
const URL_OF_SHARD = 'http://pki.example.test/crl/issuer-1/0.crl';
let root: Party;
let issuer: Party;
let leaf: Party;
let sharded: Party;

beforeAll(async () => {
  root = await makeCa('root');
  issuer = await makeCa('issuer', root);
  leaf = await makeLeaf('leaf', issuer, NAMES);
  sharded = await makeLeaf('sharded leaf', issuer, NAMES, {
    extensions: { shard: crlDistributionPoints([URL_OF_SHARD]) },
  });
});

const judge = (crls: readonly Bytes[], rest: Partial<PathRequest> = {}): PathResult =>
  validateCertificationPath({
    leaf: leaf.der,
    untrusted: [issuer.der],
    anchors: [root.der],
    at: NOW,
    crls,
    ...rest,
  });

const codeOf = (result: PathResult): PathFault | 'valid' => (result.valid ? 'valid' : result.code);

const reason = (n: number): Extension => ({
  id: OID.reasonCode,
  critical: false,
  value: tlv(TAG.enumerated, Buffer.from([n])),
});
const pointName = (url: string): Bytes =>
  tlv(contextConstructed(0), tlv(contextConstructed(0), tlv(context(6), fromAscii(url))));
const scope = (...parts: Bytes[]): Extension => ({
  id: OID.issuingDistributionPoint,
  critical: true,
  value: sequence(...parts),
});
const flag = (n: number): Bytes => tlv(context(n), Buffer.from([0xff]));
const deltaOf = (base: number): Extension => ({
  id: OID.deltaCRLIndicator,
  critical: true,
  value: smallInteger(base),
});

describe('a CRL of the issuer', () => {
  test('that does not list the leaf makes it good, and says so', () => {
    const result = judge([makeCrl(issuer)]);
    expect(result).toMatchObject({ valid: true, revocation: ['good', 'not-checked', 'anchor'] });
    expect(judge([makeCrl(issuer), makeCrl(root)])).toMatchObject({ revocation: ['good', 'good', 'anchor'] });
  });

  test('that lists the leaf ends it, with the reason', () => {
    const result = judge([makeCrl(issuer, { revoked: [{ serial: leaf.serial, extensions: [reason(1)] }] })]);
    expect(result).toMatchObject({ valid: false, code: 'revoked' });
    expect(result.valid ? '' : result.reason).toContain('keyCompromise');
  });

  test('that lists the leaf without a reason, or on hold, ends it too', () => {
    expect(codeOf(judge([makeCrl(issuer, { revoked: [{ serial: leaf.serial }] })]))).toBe('revoked');
    expect(
      codeOf(judge([makeCrl(issuer, { revoked: [{ serial: leaf.serial, extensions: [reason(6)] }] })])),
    ).toBe('revoked');
  });

  test('of another issuer with the same serial number is not about the leaf', () => {
    expect(judge([makeCrl(issuer), makeCrl(root, { revoked: [{ serial: leaf.serial }] })]).valid).toBe(true);
  });

  test('above that lists the issuer ends everything below', () => {
    const result = judge([makeCrl(issuer), makeCrl(root, { revoked: [{ serial: issuer.serial }] })]);
    expect(result).toMatchObject({ valid: false, code: 'revoked' });
    expect(result.valid ? undefined : result.certificate?.raw).toEqual(issuer.der);
  });

  test('may be missing unless it is required', () => {
    expect(judge([]).valid).toBe(true);
    expect(codeOf(judge([makeCrl(issuer)], { revocation: 'required' }))).toBe('crl_missing');
    expect(codeOf(judge([makeCrl(issuer), makeCrl(root)], { revocation: 'required' }))).toBe('valid');
  });
});

const lists: readonly [sentence: string, code: PathFault | 'valid', options: CrlOptions][] = [
  ['is stale', 'crl_unusable', { nextUpdate: NOW - SECOND }],
  ['is in its last second', 'valid', { nextUpdate: NOW }],
  ['is from the future', 'crl_unusable', { thisUpdate: NOW + HOUR }],
  ['has no number', 'crl_unusable', { number: undefined }],
  [
    'has a critical number',
    'crl_unusable',
    { number: undefined, extensions: [{ id: OID.cRLNumber, critical: true, value: smallInteger(1) }] },
  ],
  ['has an unknown critical extension', 'crl_unusable', { extensions: [unknownExtension(true)] }],
  ['has an unknown extension that is not critical', 'valid', { extensions: [unknownExtension(false)] }],
  [
    'has an unknown critical extension at anybody',
    'crl_unusable',
    { revoked: [{ serial: Buffer.from([5]), extensions: [unknownExtension(true)] }] },
  ],
  ['is indirect', 'crl_unusable', { extensions: [scope(flag(4))] }],
  ['is for attribute certificates', 'crl_scope', { extensions: [scope(flag(5))] }],
  ['is for CAs', 'crl_scope', { extensions: [scope(flag(2))] }],
  ['is for leaves', 'valid', { extensions: [scope(flag(1))] }],
  ['has two scopes at once', 'crl_unusable', { extensions: [scope(flag(1), flag(2))] }],
  ['is a shard that the leaf does not name', 'crl_scope', { extensions: [scope(pointName(URL_OF_SHARD))] }],
  ['covers some reasons', 'crl_scope', { extensions: [scope(tlv(context(3), Buffer.from([5, 0x60])))] }],
  ['is a delta without its base', 'crl_scope', { extensions: [deltaOf(1)] }],
];

describe('a CRL that', () => {
  test.each(lists)('%s: %s', (_sentence, code, options) => {
    expect(codeOf(judge([makeCrl(issuer, options)]))).toBe(code);
  });

  test('is unfit does not matter beside one that is fit', () => {
    expect(judge([makeCrl(issuer, { nextUpdate: NOW - SECOND }), makeCrl(issuer)]).valid).toBe(true);
  });

  test('is the shard that the leaf names covers it', () => {
    const shard = makeCrl(issuer, { extensions: [scope(pointName(URL_OF_SHARD))] });
    const other = makeCrl(issuer, { extensions: [scope(pointName(URL_OF_SHARD.replace('/0', '/1')))] });
    expect(codeOf(judge([shard], { leaf: sharded.der }))).toBe('valid');
    expect(codeOf(judge([other], { leaf: sharded.der }))).toBe('crl_scope');
    expect(codeOf(judge([other, shard], { leaf: sharded.der }))).toBe('valid');
  });

  test('is a delta adds to its base and takes from it', () => {
    const base = (revoked: boolean) =>
      makeCrl(issuer, {
        number: 5,
        revoked: revoked ? [{ serial: leaf.serial, extensions: [reason(6)] }] : [],
      });
    const delta = (...extensions: Extension[]) =>
      makeCrl(issuer, {
        number: 6,
        extensions: [deltaOf(5)],
        revoked: [{ serial: leaf.serial, extensions }],
      });
    expect(codeOf(judge([base(false), delta()]))).toBe('revoked');
    expect(codeOf(judge([base(true), delta(reason(8))]))).toBe('valid');
    expect(codeOf(judge([base(true), makeCrl(issuer, { number: 6, extensions: [deltaOf(5)] })]))).toBe(
      'revoked',
    );
  });

  test('is a delta of another scope changes nothing', () => {
    const base = makeCrl(issuer, { number: 5, revoked: [{ serial: leaf.serial }] });
    const removed = [{ serial: leaf.serial, extensions: [reason(8)] }];
    const delta = makeCrl(issuer, { number: 6, extensions: [deltaOf(5), scope(flag(1))], revoked: removed });
    expect(codeOf(judge([base, delta]))).toBe('revoked');
  });

  test('cannot be read is an error, not an answer', () => {
    expect(() => judge([Buffer.from('3000', 'hex')])).toThrowError(
      expect.objectContaining({ code: 'malformed_der' }),
    );
  });
});

describe('a CRL is signed', () => {
  test('by the issuer and nobody else', async () => {
    const stranger = await makeCa('stranger');
    expect(codeOf(judge([makeCrl(issuer, { signer: stranger.pair })]))).toBe('crl_unusable');
    expect(codeOf(judge([makeCrl(issuer, { signer: root.pair })]))).toBe('crl_unusable');
  });

  test('by an issuer that may: cRLSign, where keyUsage is there', async () => {
    const mute = await makeCa('issuer', root, { extensions: { keyUsage: keyUsage(['keyCertSign']) } });
    const silent = await makeCa('issuer', root, { extensions: { keyUsage: undefined } });
    const crls = [makeCrl(issuer)];
    expect(codeOf(judge(crls, { untrusted: [mute.der] }))).toBe('crl_unusable');
    expect(codeOf(judge(crls, { untrusted: [silent.der] }))).toBe('valid');
  });

  test('or by a key that the same CA named for it, unless that is revoked', async () => {
    const signer = await makeCa('issuer', root, {
      keyOwner: 'CRL signer',
      extensions: { keyUsage: keyUsage(['cRLSign']), basicConstraints: undefined },
    });
    const crl = makeCrl(issuer, { signer: signer.pair });
    const untrusted = [issuer.der, signer.der];
    expect(codeOf(judge([crl], { untrusted }))).toBe('valid');
    expect(codeOf(judge([crl, makeCrl(root)], { untrusted }))).toBe('valid');
    expect(codeOf(judge([crl, makeCrl(root, { revoked: [{ serial: signer.serial }] })], { untrusted }))).toBe(
      'crl_unusable',
    );
  });

  test('never by somebody of the same name from elsewhere', async () => {
    const elsewhere = await makeCa('elsewhere');
    const impostor = await makeCa('issuer', elsewhere, { keyOwner: 'impostor' });
    const crl = makeCrl(issuer, { signer: impostor.pair });
    expect(codeOf(judge([crl], { untrusted: [issuer.der, impostor.der, elsewhere.der] }))).toBe(
      'crl_unusable',
    );
  });

  test('never by somebody who only says that the same CA named them', async () => {
    const elsewhere = await makeCa('elsewhere');
    const impostor = await makeCa('issuer', elsewhere, { keyOwner: 'impostor', issuer: root.name });
    const crl = makeCrl(issuer, { signer: impostor.pair });
    expect(codeOf(judge([crl], { untrusted: [issuer.der, impostor.der] }))).toBe('crl_unusable');
  });
});

describe('a certificate with noRevAvail (RFC 9608)', () => {
  const make = (extensions: Record<string, Extension>) =>
    makeLeaf('unpublished', issuer, NAMES, { extensions });
  const of = (der: Bytes, crls: readonly Bytes[], revocation: PathRequest['revocation'] = 'required') =>
    judge(crls, { leaf: der, revocation });

  test('needs no CRL, not even a fit one; its issuer does', async () => {
    const { der } = await make({ noRevAvail: NO_REV_AVAIL });
    expect(of(der, [makeCrl(root)])).toMatchObject({ revocation: ['not-published', 'good', 'anchor'] });
    expect(of(der, [makeCrl(root), makeCrl(issuer)])).toMatchObject({ valid: true });
    expect(of(der, [makeCrl(root), makeCrl(issuer, { nextUpdate: NOW - SECOND })])).toMatchObject({
      valid: true,
    });
    expect(codeOf(of(der, []))).toBe('crl_missing');
    expect(codeOf(of(der, [makeCrl(root, { revoked: [{ serial: issuer.serial }] })]))).toBe('revoked');
  });

  test('is revoked where a list that was given has it', async () => {
    const { der, serial } = await make({ noRevAvail: NO_REV_AVAIL });
    expect(codeOf(of(der, [makeCrl(root), makeCrl(issuer, { revoked: [{ serial }] })]))).toBe('revoked');
  });

  test.each([
    ['a CRL', { points: crlDistributionPoints([URL_OF_SHARD]) }],
    ['a delta CRL', { freshest: { ...crlDistributionPoints([URL_OF_SHARD]), id: OID.freshestCRL } }],
    ['an OCSP responder', { access: authorityInfoAccess({ ocsp: ['http://ocsp.test'], caIssuers: [] }) }],
  ])('that names %s contradicts itself', async (_what, extensions) => {
    const { der } = await make({ noRevAvail: NO_REV_AVAIL, ...extensions });
    expect(of(der, [], 'given')).toMatchObject({ code: 'misplaced_extension', rule: 'RFC 9608 3' });
  });

  test('is no CA, has it uncritical, and NULL in it', async () => {
    const ca = await makeCa('unpublished issuer', root, { extensions: { noRevAvail: NO_REV_AVAIL } });
    const below = await makeLeaf('below', ca, NAMES);
    expect(judge([], { leaf: below.der, untrusted: [ca.der] })).toMatchObject({
      code: 'misplaced_extension',
    });
    const critical = await make({ noRevAvail: { ...NO_REV_AVAIL, critical: true } });
    expect(codeOf(of(critical.der, [], 'given'))).toBe('wrong_criticality');
    const filled = await make({ noRevAvail: { ...NO_REV_AVAIL, value: sequence() } });
    expect(codeOf(of(filled.der, [], 'given'))).toBe('malformed_extension');
  });
});
