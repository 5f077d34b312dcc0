/** openapi.yaml is what the server does: every operation is called, every answer held against what stands there. */
import { sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Problem } from '../../src/api/common.ts';
import { problemsOf } from '../../scripts/problems.ts';
import { type Operation, type Route, ROUTES } from '../../src/api/routes.ts';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { ERRORS, type ErrorCode } from '../../src/base/errors.ts';
import { keyStatement, STATEMENT_TYPE } from '../../src/domain/revocation/key-statement.ts';
import { makeRoot, signRequest, signRootCrl } from '../../src/server/offline/verbs.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { decodePemOne, encodePem } from '../../src/x509/pem.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signCertificate } from '../support/authority.ts';
import { HttpAcmeClient } from '../support/acme-http.ts';
import { type AskOptions, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

const OPERATIONS = Object.entries(ROUTES) as [Operation, Route][];
const folder = mkdtempSync(join(tmpdir(), 'chancery-openapi-'));
const passphraseFile = join(folder, 'passphrase');
let server: TestServer;
/** Whose roots are elsewhere. */
let offline: TestServer;

beforeAll(async () => {
  writeFileSync(passphraseFile, 'a passphrase of its own\n', { mode: 0o600 });
  [server, offline] = await Promise.all([
    startTestServer(`delivery: { paths: [${JSON.stringify(folder)}] }`),
    startTestServer('', { folder: join(folder, 'vault'), passphraseFile }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.stop(), offline.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Call extends AskOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly at?: TestServer;
}

const seen = new Map<Operation, Set<number>>();

/** Calls an operation and holds the answer against its row: status, headers, every field. */
async function call(
  operation: Operation,
  { params = {}, query = '', body, at = server, ...options }: Call = {},
) {
  const route: Route = ROUTES[operation];
  const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const answer = await at.ask(route.method.toUpperCase(), path + query, body, options);
  const { status, headers, json, text } = answer;
  const what = `${operation} ${status} ${text.slice(0, 400)}`;
  seen.set(operation, (seen.get(operation) ?? new Set()).add(status));
  expect(headers['x-request-id'], what).toMatch(/^[0-9a-f-]{36}$/);
  if (status >= 400) {
    expect(headers['content-type'], what).toBe('application/problem+json');
    expect(Problem.parse(json), what).toEqual(json);
    const code = json['code'] as ErrorCode;
    expect(problemsOf(operation), what).toContain(code);
    expect(ERRORS[code].status, what).toBe(status);
    expect(headers['www-authenticate'] !== undefined, what).toBe(status === 401);
    expect(headers['retry-after'] !== undefined, what).toBe(status === 503);
    return answer;
  }
  if (status === 304) {
    expect([route.method, route.etag, text], what).toEqual(['get', true, '']);
    return answer;
  }
  expect(status, what).toBe(route.status);
  expect(headers['etag'] !== undefined, what).toBe(route.etag === true);
  if (route.response === undefined)
    expect(headers['content-type'], what).toBe(route.status === 204 ? undefined : route.media);
  else {
    expect(headers['content-type'], what).toBe('application/json');
    // no field is missing or malformed, and none stands there that is not described
    expect(route.response.parse(json), what).toEqual(json);
  }
  return answer;
}

/** A call that has to go well. */
async function good(operation: Operation, options?: Call) {
  const answer = await call(operation, options);
  expect(answer.status, answer.text).toBe(ROUTES[operation].status);
  return answer;
}

const csr = async (name = 'a.example.test'): Promise<string> =>
  (await makeCsr([{ kind: 'dns', value: name }])).csr;
const GRANT = {
  principal: 'mtls:clients:spiffe://example.test/**',
  verbs: ['issue'],
  issuer: '*',
  profiles: ['server'],
  dns: ['*.example.test'],
  maxTtl: '1d',
  owner: 'web team',
};

describe('answers are as openapi.yaml has them:', () => {
  test('managed certificates, public CAs and sets', async () => {
    const directory = join(folder, 'web');
    const spec = {
      names: ['managed.example.test'],
      issuer: 'servers',
      targets: [{ files: { directory } }],
      owner: 'web team',
    };
    const web = { params: { name: 'web' } };
    const made = await good('putManaged', { ...web, body: spec });
    const shown = await good('getManaged', web);
    await call('getManaged', { ...web, headers: { 'if-none-match': String(shown.headers['etag']) } });
    expect((await call('putManaged', { ...web, body: spec, headers: { 'if-match': '"x"' } })).status).toBe(
      412,
    );
    expect(made.json['name']).toBe('web');
    for (const [names, status] of [
      [['somebody@example.test'], 403],
      [['-.example.test'], 400],
    ] as const)
      expect((await call('putManaged', { ...web, body: { ...spec, names } })).status).toBe(status);
    expect((await call('putManaged', { ...web, body: { ...spec, issuer: 'nobody' } })).status).toBe(404);
    expect(
      (await call('putManaged', { params: { name: 'thief' }, body: { ...spec, names: ['x.example.test'] } }))
        .status,
    ).toBe(409);
    await good('listManaged', { query: '?limit=1' });
    expect((await call('listManaged', { query: '?cursor=eA' })).status).toBe(200);
    expect((await call('listManaged', { query: '?cursor=AAAA' })).status).toBe(400);
    for (const operation of ['renewManaged', 'pauseManaged', 'resumeManaged', 'managedHistory'] as const) {
      await good(operation, web);
      expect((await call(operation, { params: { name: 'nobody' } })).status).toBe(404);
    }
    await good('managedProgress', { ...web, query: '?after=0&wait=1' });
    await good('managedPlan', { query: '?days=7' });

    const authority = {
      directory: 'https://127.0.0.1:9/dir',
      termsOfServiceAgreed: true,
      solvers: [{ http01: { listen: '127.0.0.1:5002' } }],
    };
    const ca = { params: { name: 'far-away' } };
    await good('putAuthority', { ...ca, body: authority });
    expect((await call('putAuthority', { params: { name: 'servers' }, body: authority })).status).toBe(400);
    await good('getAuthority', ca);
    await good('listAuthorities');
    expect((await call('testAuthority', ca)).status).toBe(503);
    // we are a CA that speaks ACME ourselves
    const near = { params: { name: 'near' } };
    const { https } = server.server.urls;
    const ours = new URL('/acme/servers/directory', https).href;
    await good('putAuthority', { ...near, body: { ...authority, directory: ours, roots: server.roots } });
    expect((await good('testAuthority', near)).json['accountUrl']).toMatch(/^https:/);
    await good('deleteAuthority', near);
    const documents = [
      { apiVersion: 'chancery/v1', kind: 'PublicAuthority', name: 'declared', spec: authority },
      {
        apiVersion: 'chancery/v1',
        kind: 'ManagedCertificate',
        name: 'shop',
        spec: { names: ['shop.example.test'], issuer: { public: 'declared' } },
      },
    ];
    await good('planDocuments', { body: { documents } });
    await good('apply', { body: { documents, dryRun: true } });
    await good('apply', { body: { documents } });
    expect((await call('deleteManaged', { params: { name: 'shop' } })).status).toBe(403);
    expect((await call('deleteAuthority', { params: { name: 'declared' } })).status).toBe(403);
    expect((await call('apply', { body: { documents: documents.slice(1), prune: true } })).status).toBe(409);
    const pruned = await good('apply', { body: { documents: [], prune: true } });
    expect(pruned.json['changes']).toEqual([
      { kind: 'ManagedCertificate', name: 'shop', action: 'deleted', fields: [] },
      { kind: 'PublicAuthority', name: 'declared', action: 'deleted', fields: [] },
    ]);
    await good('deleteAuthority', ca);
    await good('deleteManaged', web);
    expect((await call('testTarget', { body: { files: { directory: '/etc' } } })).status).toBe(403);
    await good('testTarget', { body: { files: { directory } } });
  });

  test('certificates', async () => {
    const belonging = { owner: 'payments', labels: { env: 'production' } };
    const headers = { 'idempotency-key': 'once' };
    const body = { profile: 'server', csr: await csr(), ttl: '1h', ...belonging };
    const { json } = await good('signCertificate', { body, headers });
    const params = { serial: String(json['serial']) };
    expect((await good('signCertificate', { body, headers })).headers['idempotency-replayed']).toBe('true');
    await call('signCertificate', { body: { ...body, ttl: '2h' }, headers });
    await good('generateCertificate', { body: { profile: 'server', names: { ip: ['192.0.2.1'] } } });
    await good('renewCertificate', { params, body: { csr: (await makeCsr([])).csr } });
    await good('showCertificate', { params });
    await good('listCertificates', { query: '?limit=1&owner=payments&label=env:production' });
    for (const query of ['?limit=0', '?cursor=x', '?label=x', '?expiresBefore=x', '?keyFingerprint=x'])
      await call('listCertificates', { query });
    await call('showCertificate', { params: { serial: '00' } });
    await call('showCertificate', { params: { serial: 'x' } });
    await call('renewCertificate', { params: { serial: '00' }, body: { csr: await csr() } });
  });

  test('the authority', async () => {
    for (const operation of ['listIssuers', 'listProfiles', 'listRoots', 'showServer', 'listLogins'] as const)
      await good(operation);
    await good('showIssuer', { params: { name: 'servers' } });
    await good('showProfile', { params: { name: 'server' } });
    await good('showRoot', { params: { name: 'internal' } });
    for (const operation of ['showIssuer', 'showProfile', 'showRoot'] as const)
      expect((await call(operation, { params: { name: 'nobody' } })).status).toBe(404);
  });

  test('its changes', async () => {
    await good('prepareIssuer', { params: { name: 'servers' } });
    await call('prepareIssuer', { params: { name: 'servers' } });
    await call('activateGeneration', { params: { id: 'nobody-1' } });
    await good('activateGeneration', { params: { id: 'servers-2' } });
    await good('listIssuerCrls', { params: { name: 'servers' } });
    await good('publishIssuerCrls', { params: { name: 'servers' }, body: { acceptClock: false } });
    for (const operation of ['listIssuerCrls', 'publishIssuerCrls'] as const)
      await call(operation, { params: { name: 'nobody' }, body: { acceptClock: true } });
    await call('retireGeneration', { params: { id: 'servers-1' } });
    await call('retireGeneration', { params: { id: 'servers-2' } });
    await good('prepareIssuer', { params: { name: 'servers' } });
    await good('retireGeneration', { params: { id: 'servers-3' } });
    await good('showGenerationImpact', { params: { id: 'clients-1' } });
    await call('showGenerationImpact', { params: { id: 'nobody-1' } });
    const revocation = { params: { id: 'servers-3' }, body: { reason: 'superseded' } };
    await call('revokeGeneration', { ...revocation, body: { reason: 'keyCompromise' } });
    await call('revokeGeneration', { ...revocation, params: { id: 'nobody-1' } });
    await call('revokeGeneration', { ...revocation, at: offline });
    await good('revokeGeneration', revocation);
    await call('revokeGeneration', revocation);
    await good('prepareRoot', { params: { name: 'workload' } });
    await good('activateRoot', { params: { name: 'workload-r2' } });
    await call('retireRoot', { params: { name: 'workload' } });
    await call('prepareRoot', { params: { name: 'workload' }, at: offline });
  });

  test('what comes from an offline root', async () => {
    const key = (name: string) => ({
      rootKey: join(folder, 'vault', `${name}.root.json`),
      passphraseFile,
      now: Date.now(),
    });
    const { json } = await good('prepareIssuer', { params: { name: 'servers' }, at: offline });
    const request = decodePemOne(String((json['request'] as { csr: string }).csr), 'CERTIFICATE REQUEST');
    const signed = await signRequest({ ...key('internal'), csr: request, bounds: {}, life: 90 * DAY });
    const certificate = encodePem('CERTIFICATE', signed.certificate);
    await good('importGeneration', { body: { certificate }, at: offline });
    await call('importGeneration', { body: { certificate }, at: offline });
    const root = await makeRoot(key('internal'));
    const body = { certificate: encodePem('CERTIFICATE', root.certificate) };
    await good('importRoot', { params: { name: root.name }, body, at: offline });
    await good('retireRoot', { params: { name: root.name }, at: offline });
    const { crl } = await signRootCrl({ ...key('workload'), revoke: [] });
    const fresh = { body: { crl: encodePem('X509 CRL', crl) }, at: offline };
    await good('importCrl', fresh);
    await call('importCrl', fresh);
    await call('importCrl', { body: { crl: 'x' }, at: offline });
  });

  test('an issuer that was made elsewhere', async () => {
    const [root, pair] = await Promise.all([generateKeyPair('ecdsa-p384'), generateKeyPair('ecdsa-p256')]);
    const issuer = encodeName([commonName('Somebody’s root')]);
    const now = Math.floor(Date.now() / 1000) * 1000;
    const certify = (subject: typeof issuer, of: typeof pair) => {
      const fields = { serial: Buffer.from('01', 'hex'), issuer, subject, notBefore: now - HOUR };
      const identifiers = [
        subjectKeyIdentifier(keyIdentifier(of.publicKey.keyBits)),
        ...(of === root ? [] : [authorityKeyIdentifier(keyIdentifier(root.publicKey.keyBits))]),
      ];
      const extensions = [
        basicConstraints({ ca: true }),
        keyUsage(['keyCertSign', 'cRLSign']),
        ...identifiers,
      ];
      const spki = of.publicKey.spki;
      const der = signCertificate({ ...fields, notAfter: now + 90 * DAY, spki, extensions }, root);
      return encodePem('CERTIFICATE', der);
    };
    const body = {
      key: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
      certificate: certify(encodeName([commonName('Somebody’s issuer')]), pair),
      root: certify(issuer, root),
    };
    await good('importIssuer', { params: { name: 'clients' }, body });
    await call('importIssuer', { params: { name: 'clients' }, body });
    await call('importIssuer', { params: { name: 'workload' }, body: { ...body, root: 'x' } });
    const history = { params: { id: 'clients-2' }, body: { noPreviousCrl: true } };
    await call('importHistory', { ...history, body: { index: 'nothing' } });
    await good('importHistory', history);
    await call('importHistory', history);
    await call('importHistory', { ...history, params: { id: 'nobody-1' } });
  });

  test('grants', async () => {
    const params = { name: 'web' };
    await good('createGrant', { body: { name: 'web', ...GRANT } });
    await call('createGrant', { body: { name: 'web', ...GRANT } });
    const { headers } = await good('showGrant', { params });
    const etag = String(headers['etag']);
    expect((await call('showGrant', { params, headers: { 'if-none-match': etag } })).status).toBe(304);
    await good('replaceGrant', { params, body: { ...GRANT, maxTtl: '2d' }, headers: { 'if-match': etag } });
    const stale = { 'if-match': etag };
    expect((await call('replaceGrant', { params, body: GRANT, headers: stale })).status).toBe(412);
    expect((await call('deleteGrant', { params, headers: stale })).status).toBe(412);
    await call('replaceGrant', { params: { name: 'builtin:admin' }, body: GRANT });
    await good('listGrants');
    await good('explainGrant', { body: { profile: 'server', names: { dns: ['a.example.test'] } } });
    const principal = 'mtls:clients:spiffe://example.test/nobody';
    await good('explainGrant', { body: { principal, profile: 'server', names: { dns: ['example.com'] } } });
    await good('deleteGrant', { params });
    await call('deleteGrant', { params });
  });

  test('the ACME server', async () => {
    const { json } = await good('createExternalKey', {
      body: {
        issuer: 'servers',
        name: 'web team',
        names: { dns: ['**.example.test'] },
        preauthorized: { ip: ['192.0.2.0/24'] },
        profile: 'server',
        uses: 3,
        expiresIn: '30d',
      },
    });
    expect(Buffer.from(String(json['hmacKey']), 'base64url')).toHaveLength(32);
    await call('createExternalKey', { body: { issuer: 'nobody' } });
    await call('createExternalKey', { body: { issuer: 'servers', names: { dns: ['*x'] } } });
    await call('createExternalKey', { body: { issuer: 'servers', expiresIn: 'soon' } });
    await good('listExternalKeys', { query: '?limit=2' });
    await good('revokeExternalKey', { params: { id: String(json['kid']) } });
    await call('revokeExternalKey', { params: { id: 'somebody' } });
    await good('listAcmeAccounts', { query: '?issuer=servers&limit=2' });
    await call('listAcmeAccounts', { query: '?cursor=x' });
    const client = new HttpAcmeClient(server);
    await client.register();
    const account = { id: client.kid?.split('/').at(-1) ?? '' };
    await server.ask('POST', '/api/v1/grants', {
      name: 'acme-hosts',
      principal: 'acme:**',
      verbs: ['issue'],
      issuer: 'servers',
      profiles: ['server'],
      dns: ['www.example.test'],
    });
    const order = await client.post('new-order', {
      identifiers: [{ type: 'dns', value: 'www.example.test' }],
    });
    await good('showAcmeOrder', {
      params: { id: String(order.headers['location']).split('/').at(-1) ?? '' },
    });
    await good('showAcmeAccount', { params: account });
    await good('deactivateAcmeAccount', { params: account });
    await good('deactivateAcmeAccount', { params: account });
    await call('showAcmeAccount', { params: { id: 'somebody' } });
    await call('deactivateAcmeAccount', { params: { id: 'somebody' } });
    await good('listAcmeOrders', { query: '?issuer=servers&limit=2' });
    await call('listAcmeOrders', { query: '?cursor=x' });
    await call('showAcmeOrder', { params: { id: 'somebody' } });
    await good('moveRenewalWindows', { body: { issuer: 'servers', within: '2h' } });
    const { json: moved } = await good('moveRenewalWindows', {
      body: { issuer: 'servers', revoke: 'superseded' },
    });
    const waiting = { id: (moved['revocation'] as { id: string }).id };
    await good('listScheduledRevocations', { query: '?limit=2' });
    await good('cancelScheduledRevocation', { params: waiting });
    await call('cancelScheduledRevocation', { params: waiting });
    await call('cancelScheduledRevocation', { params: { id: 'none' } });
    await call('moveRenewalWindows', { body: { issuer: 'servers', revoke: 'keyCompromise' } });
    await call('moveRenewalWindows', { body: { issuer: 'nobody' } });
    await call('moveRenewalWindows', { body: { issuer: 'servers', within: 'long' } });
  });

  test('tokens', async () => {
    const names = { dns: ['a.example.test'] };
    const { json } = await good('createToken', {
      body: { profile: 'server', names, maxTtl: '1h', owner: 'web' },
    });
    const params = { id: String(json['id']) };
    const login = { login: null, headers: { authorization: `Bearer ${String(json['token'])}` } };
    await good('signCertificate', { body: { csr: await csr() }, ...login });
    expect((await call('signCertificate', { body: { csr: await csr() }, ...login })).status).toBe(403);
    const { headers } = await good('showToken', { params });
    const known = { 'if-none-match': String(headers['etag']) };
    expect((await call('showToken', { params, headers: known })).status).toBe(304);
    await call('revokeToken', { params, headers: { 'if-match': '"x"' } });
    await good('revokeToken', { params });
    await good('showToken', { params });
    await good('listTokens', { query: '?limit=2' });
    await call('createToken', { body: { profile: 'server', names, expiresIn: '31d' } });
  });

  test('revocations', async () => {
    const { json } = await good('signCertificate', { body: { profile: 'server', csr: await csr() } });
    const serials = [String(json['serial'])];
    const search = { issuer: 'servers' };
    await good('showImpact', { body: { search } });
    await good('revokeCertificates', { body: { serials, reason: 'keyCompromise' } });
    await good('revokeCertificates', { body: { serials } });
    await good('showCertificate', { params: { serial: String(json['serial']) } });
    for (const body of [
      { serials: ['00'] },
      { serials, reason: 'certificateHold' },
      { certificate: 'x' },
      { search, expectedCount: 100_000 },
      { search: {} },
    ])
      await call('revokeCertificates', { body });
    await call('showImpact', { body: { serials: ['00'] } });
    const { privateKey, publicKey } = await generateKeyPair('ed25519');
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = { alg: 'EdDSA', typ: STATEMENT_TYPE, jwk: publicKey.keyObject.export({ format: 'jwk' }) };
    const input = `${encode(header)}.${encode(keyStatement(publicKey, 'example.test', Date.now()))}`;
    const statement = `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
    await good('revokeLeakedKey', { body: { statement }, login: null });
    await call('revokeLeakedKey', { body: { statement: 'x' }, login: null });
  });

  test('the audit log', async () => {
    await good('listAudit', { query: '?from=1&limit=500' });
    await good('signAuditHead');
    await good('exportAudit');
    await call('listAudit', { query: '?from=0' });
  });

  test('refusals of every operation', async () => {
    for (const [operation, { rule, body, params, idempotent, maxBody }] of OPERATIONS) {
      const some = params && { params: { name: 'servers', id: 'servers-1', serial: '00' } };
      const { status } = await call(operation, { ...some, login: null });
      const open = rule === 'public' && body === undefined;
      expect(status, operation).toBe(open ? 200 : rule === 'public' ? 415 : 401);
      expect((await call(operation, { ...some, query: '?nonsense=1' })).status, operation).toBe(400);
      for (const authorization of ['Basic eA==', 'Bearer x', 'Bearer chy_x', 'Bearer a.b.c'])
        expect((await call(operation, { ...some, headers: { authorization } })).status >= 400).toBe(!open);
      if (body === undefined) continue;
      expect((await call(operation, { ...some, raw: '{' })).status, operation).toBe(400);
      expect((await call(operation, { ...some, body: {} })).status, operation).toBe(400);
      const text = { 'content-type': 'text/plain' };
      expect((await call(operation, { ...some, raw: 'x', headers: text })).status, operation).toBe(415);
      const tooMuch = 'x'.repeat((maxBody ?? 65_536) + 1);
      expect((await call(operation, { ...some, raw: tooMuch })).status, operation).toBe(413);
      if (idempotent !== true) continue;
      const key = { headers: { 'idempotency-key': 'a b' } };
      const { json } = await call(operation, {
        ...some,
        ...key,
        body: { profile: 'server', csr: 'x', names: {} },
      });
      expect(json['status'], operation).toBe(400);
    }
  });

  test('and no operation was left out', () => {
    for (const [operation, { status }] of OPERATIONS)
      expect(seen.get(operation)?.has(status), operation).toBe(true);
  });
});

test('openapi.yaml lists each operation with all of its statuses, and nothing by default', () => {
  const { paths } = parse(readFileSync('openapi.yaml', 'utf8')) as {
    paths: Record<string, Record<string, { operationId: string; responses: object }>>;
  };
  const listed = Object.values(paths).flatMap((item) => Object.values(item));
  expect(listed.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(ROUTES).sort());
  for (const { operationId, responses } of listed)
    for (const status of seen.get(operationId as Operation) ?? [])
      expect(Object.keys(responses), operationId).toContain(String(status));
});
