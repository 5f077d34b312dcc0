import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/x509/bytes.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import {
  basicConstraints,
  type Extension,
  extKeyUsage,
  keyUsage,
  readSubjectAltName,
} from '../../../src/x509/extensions.ts';
import type { GeneralName } from '../../../src/x509/general-name.ts';
import { generateKeyPair, type KeyPair } from '../../../src/x509/key-pair.ts';
import { commonName, encodeName, organizationName, readName } from '../../../src/x509/name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { NULL, sequence } from '../../../src/x509/der.ts';
import { type NameLists, parseNames } from '../../../src/domain/identity/names.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { issued, makePipeline, type Pipeline, SERVICE_ID } from '../../support/pipeline.ts';
import { makeRequest, type RequestParts } from '../../support/request.ts';

let pipeline: Pipeline;
let key: KeyPair;

beforeAll(async () => {
  key = await keyOf('ecdsa-p256');
  pipeline = await makePipeline({
    grants: [
      {
        name: 'app-only',
        principal: SERVICE_ID,
        verbs: ['issue', 'renew'],
        issuer: '*',
        profiles: ['*'],
        uri: ['spiffe://example.test/app'],
        dns: ['*.app.example.test', 'app.example.test'],
      },
    ],
  });
});

const ask = (request: RequestParts, names?: NameLists, profile = 'workload') =>
  pipeline.issue({
    profile,
    proof: { csr: makeRequest(key, request) },
    names: names && parseNames(names),
  });

async function namesOf(issuance: ReturnType<typeof ask>): Promise<GeneralName[]> {
  const { extensions } = readCertificate(issued(await issuance).der);
  return readSubjectAltName(extensions.find(({ id }) => id === OID.subjectAltName)?.value ?? NULL);
}

const app = { kind: 'uri', value: 'spiffe://example.test/app' } as const;
const server = { kind: 'uri', value: 'spiffe://example.test/spire/server' } as const;

describe('SPI-01-004: the SPIFFE ID of a CSR is compared, never believed', () => {
  it('another SPIFFE ID in the CSR than beside it is refused', async () => {
    const refusal = await refusalOfAsync(() => ask({ names: [server] }, { uri: [app.value] }));
    expect(refusal.code).toBe('names_differ');
    expect(refusal.message).toContain(server.value);
  });

  it('another SPIFFE ID in the CSR alone needs a grant', async () => {
    expect((await refusalOfAsync(() => ask({ names: [server] }))).code).toBe('not_granted');
  });

  it('a second SPIFFE ID is refused', async () => {
    expect((await refusalOfAsync(() => ask({ names: [app, server] }))).code).toBe('profile_violation');
  });

  it('one more name than was asked for is refused', async () => {
    const more = [app, { kind: 'dns', value: 'evil.example.test' }] as const;
    expect((await refusalOfAsync(() => ask({ names: more }, { uri: [app.value] }))).code).toBe(
      'names_differ',
    );
  });

  it('a CSR without names gets exactly those beside it', async () => {
    expect(await namesOf(ask({}, { uri: [app.value] }))).toEqual([app]);
  });

  it('names are compared as names: order, case of host names and doubles do not matter', async () => {
    const names = await namesOf(
      ask(
        {
          names: [
            { kind: 'dns', value: 'B.app.example.test' },
            { kind: 'dns', value: 'a.app.example.test' },
            { kind: 'dns', value: 'b.app.example.test' },
            app,
          ],
        },
        { dns: ['a.app.example.test', 'b.APP.example.test'], uri: [app.value] },
      ),
    );
    expect(names).toEqual([
      app,
      { kind: 'dns', value: 'a.app.example.test' },
      { kind: 'dns', value: 'b.app.example.test' },
    ]);
  });
});

describe('Vault CVE-2025-6037: the same key under another name is another identity', () => {
  it('whoever holds a certificate gets none for another name with the same key', async () => {
    await ask({ names: [app] });
    expect((await refusalOfAsync(() => ask({ names: [server] }))).code).toBe('not_granted');
  });

  it('a commonName or an organization in the CSR does not reach the certificate', async () => {
    const subject = encodeName([organizationName('Evil'), commonName('admin')]);
    const record = issued(await ask({ subject, names: [app] }));
    expect(readName(readCertificate(record.der).subject)).toEqual([]);
    expect(Buffer.from(record.der).includes('Evil')).toBe(false);
  });

  it('a commonName is a name only where there is no subjectAltName, and needs a grant then', async () => {
    const evil = encodeName([commonName('evil.example.test')]);
    expect((await refusalOfAsync(() => ask({ subject: evil }, undefined, 'server'))).code).toBe(
      'not_granted',
    );
    const own = encodeName([commonName('app.example.test')]);
    expect(await namesOf(ask({ subject: own }, undefined, 'server'))).toEqual([
      { kind: 'dns', value: 'app.example.test' },
    ]);
  });

  it('two commonNames name nothing', async () => {
    const both = encodeName([commonName('app.example.test'), commonName('evil.example.test')]);
    expect((await refusalOfAsync(() => ask({ subject: both }, undefined, 'server'))).code).toBe(
      'profile_violation',
    );
  });
});

describe('OpenBao and Vault ACME: a CSR with basicConstraints', () => {
  it.each([
    ['cA=TRUE', basicConstraints({ ca: true })],
    ['cA=TRUE with a path length', basicConstraints({ ca: true, pathLength: 3 })],
    ['keyCertSign', keyUsage(['digitalSignature', 'keyCertSign'])],
    ['cRLSign', keyUsage(['cRLSign'])],
  ])('that asks for %s is told, and gets nothing', async (_what, extension) => {
    const refusal = await refusalOfAsync(() => ask({ names: [app], extensions: [extension] }));
    expect(refusal.code).toBe('csr_asks_for_more');
  });

  it('asks in vain: no extension of a CSR reaches the certificate', async () => {
    const extensions: Extension[] = [
      basicConstraints({ ca: false }),
      keyUsage(['keyEncipherment', 'dataEncipherment']),
      extKeyUsage([OID.ocspSigning, OID.anyExtendedKeyUsage, '1.3.6.1.4.1.311.20.2.2']),
      { id: '1.3.6.1.4.1.55555.1', critical: true, value: NULL },
      { id: OID.nameConstraints, critical: true, value: sequence() },
    ];
    const plain = readCertificate(issued(await ask({ names: [app] })).der);
    const greedy = readCertificate(issued(await ask({ names: [app], extensions })).der);
    const shape = (certificate: typeof plain) =>
      certificate.extensions
        .filter(({ id }) => id !== OID.cRLDistributionPoints)
        .map(({ id, critical, value }) => `${id} ${critical} ${Buffer.from(value).toString('hex')}`);
    expect(shape(greedy)).toEqual(shape(plain));
  });

  it('an empty extKeyUsage (step-ca CVE-2026-40097) does no harm', async () => {
    const empty = { id: OID.extKeyUsage, critical: false, value: sequence() };
    expect(await namesOf(ask({ names: [app], extensions: [empty] }))).toEqual([app]);
  });

  it('an extension that is asked for twice is refused', async () => {
    const twice = [keyUsage(['digitalSignature']), keyUsage(['digitalSignature'])];
    expect((await refusalOfAsync(() => ask({ names: [app], extensions: twice }))).code).toBe('malformed_csr');
  });

  it('a broken basicConstraints is refused, not skipped', async () => {
    const broken = { id: OID.basicConstraints, critical: true, value: Buffer.from('30030101', 'hex') };
    expect((await refusalOfAsync(() => ask({ names: [app], extensions: [broken] }))).code).toBe(
      'malformed_der',
    );
  });
});

describe('proof of possession', () => {
  it('a CSR with somebody else’s public key is refused', async () => {
    const other = await generateKeyPair('ecdsa-p256');
    const refusal = await refusalOfAsync(() => ask({ names: [app], spki: other.publicKey.spki }));
    expect(refusal.code).toBe('proof_of_possession_failed');
  });

  it('a CSR whose names were changed after it was signed is refused', async () => {
    const csr = Buffer.from(makeRequest(key, { names: [server] }));
    csr.write('spiffe://example.test/spire/zerver', csr.indexOf('spiffe://'), 'latin1');
    const refusal = await refusalOfAsync(() => pipeline.issue({ proof: { csr }, names: undefined }));
    expect(refusal.code).toBe('proof_of_possession_failed');
  });

  it('a blocked key gets no certificate, by CSR or made here', async () => {
    const blocked = await makePipeline();
    blocked.ledger.store.block(toHex(key.publicKey.fingerprint));
    expect((await refusalOfAsync(() => blocked.issue({}))).code).toBe('blocked_key');
    const makeHere = () => Promise.resolve(key.publicKey);
    expect((await refusalOfAsync(() => blocked.issue({ proof: { makeHere } }))).code).toBe('blocked_key');
    expect(blocked.journal).not.toContain('signed');
  });

  it('a key is made here only for who may have it', async () => {
    let made = 0;
    const makeHere = () => {
      made++;
      return Promise.resolve(key.publicKey);
    };
    await refusalOfAsync(() =>
      pipeline.issue({ proof: { makeHere }, names: parseNames({ uri: [server.value] }) }),
    );
    expect(made).toBe(0);
    const record = issued(
      await pipeline.issue({ proof: { makeHere }, names: parseNames({ uri: [app.value] }) }),
    );
    expect(made).toBe(1);
    expect(pipeline.ledger.audit.at(-1)?.details).toMatchObject({ serial: record.serial, keyMade: 'here' });
  });

  it('an issuer that is stopped while the key is made signs nothing', async () => {
    const own = await makePipeline();
    const makeHere = async () => {
      await own.issuers.stop('workload-1', 'the test says so');
      return key.publicKey;
    };
    const names = parseNames({ uri: [app.value] });
    expect((await refusalOfAsync(() => own.issue({ proof: { makeHere }, names }))).code).toBe(
      'issuer_stopped',
    );
    expect(own.journal).not.toContain('signed');
  });
});
