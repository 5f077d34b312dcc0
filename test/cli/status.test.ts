/** `chancery cert status`: what a relying party would learn, from a listener that says anything. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { openResponder, PreparedOcsp, signOcsp } from '../../src/domain/revocation/ocsp.ts';
import { readOcspRequest } from '../../src/x509/ocsp-request.ts';
import { encodeOcspError, type OcspCertStatus } from '../../src/x509/ocsp-response-writer.ts';
import { authorityInfoAccess, crlDistributionPoints, type Extension } from '../../src/x509/extensions.ts';
import { context, contextConstructed, sequence, tlv } from '../../src/x509/der.ts';
import { OID } from '../../src/x509/oids.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { type CrlOptions, dns, makeCa, makeCrl, makeLeaf, NOW, type Party } from '../support/chains.ts';
import { ocspSignerOf } from '../support/ocsp.ts';
import { chancery, temporaryFolder } from './run.ts';

interface Said {
  /** `undefined`: 404. */
  crl: Uint8Array | undefined;
  ocsp: ((request: Uint8Array) => Uint8Array) | undefined;
  issuer: Uint8Array | undefined;
  /** GET of OCSP answers 404. */
  onlyPost: boolean;
}

const REVOKED: OcspCertStatus = { kind: 'revoked', revokedAt: NOW - HOUR, reason: 'keyCompromise' };

async function world() {
  const asked: string[] = [];
  const said: Said = { crl: undefined, ocsp: undefined, issuer: undefined, onlyPost: false };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(`${request.method ?? ''} ${path.replace(/\/ocsp\/.*/, '/ocsp/…')}`);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const got = Buffer.from(decodeURIComponent(path.slice('/ocsp/'.length)), 'base64');
      const silent = !path.startsWith('/ocsp') || (request.method === 'GET' && said.onlyPost);
      const ocsp = silent ? undefined : said.ocsp?.(request.method === 'POST' ? Buffer.concat(chunks) : got);
      const body = path === '/0.crl' ? said.crl : path === '/issuer.crt' ? said.issuer : ocsp;
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ca = await makeCa('status ca');
  const other = await makeCa('other ca');
  const extensions = {
    points: crlDistributionPoints([`${url}/0.crl`]),
    access: authorityInfoAccess({ ocsp: [`${url}/ocsp`], caIssuers: [`${url}/issuer.crt`] }),
  };
  const leaf = await makeLeaf('status leaf', ca, dns('a.example.test'), { extensions });
  const folder = temporaryFolder();
  const put = (name: string, ...parties: readonly Party[]): string => {
    const path = join(folder, name);
    writeFileSync(path, parties.map(({ der }) => encodePem('CERTIFICATE', der)).join(''));
    return path;
  };
  const file = put('leaf.pem', leaf);
  said.issuer = ca.der;
  const answering =
    (status: OcspCertStatus, signer: Party = ca, now = NOW) =>
    (request: Uint8Array): Uint8Array => {
      const responder = openResponder('x', 'x', signer.der);
      const singles = readOcspRequest(request).certIds.map(({ raw }) => ({ certId: raw, status }));
      return signOcsp(
        ocspSignerOf(signer.pair),
        PreparedOcsp.of({ responder, singles, nonce: undefined, now }),
      );
    };
  const ask = async (...args: readonly string[]) => {
    const { exit, stdout, stderr } = await chancery(['cert', 'status', file, '-o', 'json', ...args], {
      now: NOW,
    });
    const parsed = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
    return { exit, stderr, ...parsed } as {
      exit: number;
      stderr: string;
      status?: string;
      disagree?: boolean;
      crl: { status: string; why?: string }[];
      ocsp: { status: string; why?: string; signer?: string }[];
    };
  };
  const crl = (options: CrlOptions = {}): Uint8Array => makeCrl(ca, options);
  const listing = { revoked: [{ serial: leaf.serial }] };
  return { asked, said, ca, other, leaf, url, put, file, answering, ask, crl, listing, server };
}

describe('cert status', () => {
  test('0 where both say good, with the issuer from the URL in the certificate', async () => {
    const { said, ask, crl, answering, asked } = await world();
    said.crl = crl();
    said.ocsp = answering({ kind: 'good' });
    expect(await ask()).toMatchObject({
      exit: 0,
      status: 'good',
      crl: [{ status: 'good', thisUpdate: '2026-06-01T11:00:00Z', signer: 'issuer' }],
      ocsp: [{ status: 'good', nextUpdate: '2026-06-01T13:00:00Z' }],
    });
    expect(asked.sort()).toEqual(['GET /0.crl', 'GET /issuer.crt', 'GET /ocsp/…']);
  });

  test('3 where both say revoked, for people with reason and age', async () => {
    const { said, file, crl, answering, listing } = await world();
    said.crl = crl(listing);
    said.ocsp = answering(REVOKED);
    const { exit, stdout } = await chancery(['cert', 'status', file], { now: NOW });
    expect(exit).toBe(3);
    expect(stdout).toMatch(
      /^revoked: a\.example\.test\n {2}serial .*\n {2}CRL +revoked at 2026-06-01T11:00:00Z, unspecified\n/,
    );
    expect(stdout).toMatch(
      /OCSP +revoked at 2026-06-01T11:00:00Z, keyCompromise\n +of 2026-06-01T12:00:00Z \(in 0s\), next 2026-06-01T13:00:00Z \(in 1h\), signed by the issuer\n +http:/,
    );
    expect(stdout).not.toContain('disagreement');
  });

  test.each([
    ['the CRL is behind', false],
    ['OCSP is behind', true],
  ])('revoked and a disagreement where one of both says so: %s', async (_, inCrl) => {
    const { said, ask, file, crl, answering, listing } = await world();
    said.crl = crl(inCrl ? listing : {});
    said.ocsp = answering(inCrl ? { kind: 'good' } : REVOKED);
    expect(await ask()).toMatchObject({ exit: 3, status: 'revoked', disagree: true });
    expect((await chancery(['cert', 'status', file], { now: NOW })).stdout).toMatch(
      /disagreement +the sources do not say the same/,
    );
  });

  test('4 where the responder does not know it, or may not speak of it', async () => {
    const { said, ask, answering } = await world();
    said.ocsp = answering({ kind: 'unknown' });
    expect(await ask()).toMatchObject({
      exit: 4,
      status: 'unknown',
      crl: [{ status: 'unreachable', why: 'HTTP 404' }],
    });
    said.ocsp = () => encodeOcspError('unauthorized');
    expect(await ask()).toMatchObject({
      exit: 4,
      ocsp: [{ status: 'unknown', why: expect.stringContaining('unauthorized') as string }],
    });
  });

  test('5 where nobody answers; one good answer is enough', async () => {
    const { said, ask, crl } = await world();
    expect(await ask()).toMatchObject({ exit: 5, status: 'unreachable' });
    said.crl = crl();
    expect(await ask()).toMatchObject({ exit: 0, ocsp: [{ status: 'unreachable' }] });
  });

  test('a responder that takes no GET is asked by POST', async () => {
    const { said, ask, answering, asked } = await world();
    said.onlyPost = true;
    said.ocsp = answering({ kind: 'good' });
    expect(await ask()).toMatchObject({ ocsp: [{ status: 'good' }] });
    expect(asked).toContain('POST /ocsp');
  });

  test.each<[string, (w: Awaited<ReturnType<typeof world>>) => Uint8Array, RegExp]>([
    ['of another issuer', ({ other }) => makeCrl(other), /CRL of another issuer/],
    [
      'signed by somebody else',
      ({ crl, other }) => crl({ signer: other.pair }),
      /signature is not by the issuer/,
    ],
    ['that ran out', ({ crl }) => crl({ nextUpdate: NOW - HOUR }), /should have been replaced at/],
    ['of the future', ({ crl }) => crl({ thisUpdate: NOW + HOUR }), /only valid from/],
    ['without a number', ({ crl }) => crl({ number: undefined }), /no cRLNumber/],
    [
      'of another distribution point',
      ({ crl }) => crl({ extensions: [scopeOf('http://elsewhere/1.crl')] }),
      /scope .* does not cover/,
    ],
    ['that is none', () => Buffer.from('garbage'), /cannot be read/],
  ])('2 for a CRL %s, although OCSP says good', async (_, make, why) => {
    const all = await world();
    all.said.crl = make(all);
    all.said.ocsp = all.answering({ kind: 'good' });
    const { exit, status, crl } = await all.ask();
    expect([exit, status, crl[0]?.status]).toEqual([2, 'invalid', 'invalid']);
    expect(crl[0]?.why).toMatch(why);
  });

  test('a shard with the URL of the certificate in its scope is believed', async () => {
    const { said, ask, crl, url } = await world();
    said.crl = crl({ extensions: [scopeOf(`${url}/0.crl`)] });
    expect(await ask()).toMatchObject({ exit: 0, crl: [{ status: 'good' }] });
  });

  test.each<[string, (w: Awaited<ReturnType<typeof world>>) => Said['ocsp'], RegExp]>([
    ['by somebody else', ({ answering, other }) => answering({ kind: 'good' }, other), /responder/],
    ['that ran out', ({ answering }) => answering({ kind: 'good' }, undefined, NOW - DAY), /held until/],
    ['tryLater', () => () => encodeOcspError('tryLater'), /answers tryLater/],
    ['that is none', () => () => Buffer.from('garbage'), /./],
  ])('2 for an OCSP answer %s', async (_, make, why) => {
    const all = await world();
    all.said.crl = all.crl();
    all.said.ocsp = make(all);
    const { exit, ocsp } = await all.ask();
    expect([exit, ocsp[0]?.status]).toEqual([2, 'invalid']);
    expect(ocsp[0]?.why).toMatch(why);
  });

  test('an issuer that did not sign it is refused, wherever it comes from', async () => {
    const { said, ask, other, put, ca, crl } = await world();
    said.crl = crl();
    said.issuer = other.der;
    expect(await ask()).toMatchObject({
      exit: 5,
      stderr: expect.stringContaining('it is not the issuer') as string,
    });
    const refused = await ask('--issuer', put('other.pem', other));
    expect(refused.stderr).toContain('did not sign it');
    expect(refused.exit).toBe(3);
    expect(await ask('--issuer', put('ca.pem', ca))).toMatchObject({ exit: 0 });
  });

  test('with the chain in the file nobody is asked for the issuer', async () => {
    const { said, put, leaf, other, ca, crl, asked } = await world();
    said.crl = crl();
    const file = put('chain.pem', leaf, other, ca);
    expect((await chancery(['cert', 'status', file, '-o', 'name'], { now: NOW })).stdout).toBe('good\n');
    expect(asked).not.toContain('GET /issuer.crt');
  });

  test('a certificate that names nobody is unknown, and says why', async () => {
    const { put, ca } = await world();
    const bare = await makeLeaf('bare leaf', ca, dns('b.example.test'));
    const { exit, stdout } = await chancery(['cert', 'status', put('bare.pem', bare, ca)], { now: NOW });
    expect([exit, stdout]).toEqual([
      4,
      expect.stringContaining('it names neither a CRL nor an OCSP responder'),
    ]);
    const extensions = { noRevAvail: { id: OID.noRevAvail, critical: false, value: Buffer.from([5, 0]) } };
    const silent = await makeLeaf('silent leaf', ca, dns('c.example.test'), { extensions });
    const second = await chancery(['cert', 'status', put('silent.pem', silent, ca)], { now: NOW });
    expect(second.stdout).toContain('noRevAvail (RFC 9608): nobody publishes whether it is revoked');
  });

  test('what is neither a file, an endpoint nor a serial number is a usage error', async () => {
    const { exit, stderr } = await chancery(['cert', 'status', 'nothing-there.pem']);
    expect([exit, stderr]).toEqual([
      1,
      expect.stringContaining('is no file, no host:port and no serial number'),
    ]);
  });
});

/** A critical issuingDistributionPoint with this URL. */
const scopeOf = (url: string): Extension => ({
  id: OID.issuingDistributionPoint,
  critical: true,
  value: sequence(tlv(contextConstructed(0), tlv(contextConstructed(0), tlv(context(6), Buffer.from(url))))),
});
