/** Revocation over the API: who may, what is hit, and that our own doors know at the next request. */
import { createPrivateKey, sign } from 'node:crypto';
import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importPkcs8 } from '../../src/x509/key-pair.ts';
import { decodePemOne } from '../../src/x509/pem.ts';
import { keyStatement, STATEMENT_TYPE } from '../../src/domain/revocation/key-statement.ts';
import {
  type Answer,
  type AskOptions,
  type Login,
  loginOf,
  makeCsr,
  startTestServer,
  type TestServer,
} from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(`grants:
  - { name: web-team, principal: "mtls:workload:spiffe://example.test/web", verbs: [issue, revoke], issuer: servers, profiles: [server], dns: ["*.web.example.test"] }
  - { name: watcher, principal: "mtls:workload:spiffe://example.test/watcher", verbs: [read], issuer: servers, profiles: [server], dns: ["**.example.test"] }`);
});
afterAll(() => server.stop());

interface Issued {
  readonly serial: string;
  readonly login: Login;
  readonly key: string;
  readonly certificate: string;
}

async function issue(profile: string, name: string, more: object = {}): Promise<Issued> {
  const kind = name.startsWith('spiffe:') ? 'uri' : 'dns';
  const { csr, key } = await makeCsr([{ kind, value: name }]);
  const { json, status, text } = await server.ask('POST', '/api/v1/certificates', { profile, csr, ...more });
  expect(status, text).toBe(201);
  return {
    serial: String(json['serial']),
    login: loginOf(json, key),
    key,
    certificate: String(json['certificate']),
  };
}

const revoke = (body: object, options: AskOptions = {}): Promise<Answer> =>
  server.ask('POST', '/api/v1/revocations', body, options);
const stateOf = async (serial: string): Promise<unknown> =>
  (await server.ask('GET', `/api/v1/certificates/${serial}`)).json['state'];

describe('revoking', () => {
  test('by serial: once, with its reason and time, in the detail and the audit log', async () => {
    const { serial } = await issue('server', 'a.example.test');
    const answer = await revoke({ serials: [serial, serial], reason: 'superseded' });
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        reason: 'superseded',
        results: [{ serial, result: 'revoked', keyBlocked: false }],
        more: false,
        notices: [],
      },
    ]);
    const { json } = await server.ask('GET', `/api/v1/certificates/${serial}`);
    expect(json).toMatchObject({ state: 'revoked', revocationReason: 'superseded' });
    expect(json['revocation']).toMatchObject({ reason: 'superseded', revokedAt: json['revokedAt'] });
    expect((await revoke({ serials: [serial] })).json).toMatchObject({ results: [{ result: 'already' }] });
    const raised = await revoke({ serials: [serial], reason: 'keyCompromise' });
    expect(raised.json).toMatchObject({ results: [{ result: 'raised', keyBlocked: true }] });
    const { json: log } = await server.ask('GET', '/api/v1/audit?limit=500');
    const entries = (log['entries'] as { event: string; details: { serial?: string } }[]).filter(
      ({ event, details }) => event === 'certificate.revoked' && details.serial === serial,
    );
    expect(entries).toMatchObject([
      {
        outcome: 'allowed',
        details: { reason: 'superseded', rule: 'builtin:admin', names: ['dns:a.example.test'] },
      },
      { details: { reason: 'keyCompromise', keyBlocked: true } },
    ]);
  });

  test('by the certificate itself; a forged one with our serial number is none', async () => {
    const { serial, certificate } = await issue('server', 'b.example.test');
    const der = Buffer.from(decodePemOne(certificate, 'CERTIFICATE'));
    const at = der.length - 1;
    der[at] = (der[at] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect((await revoke({ certificate: forged })).json).toMatchObject({ code: 'not_found' });
    expect(await stateOf(serial)).toBe('valid');
    expect((await revoke({ certificate })).json).toMatchObject({ results: [{ serial, result: 'revoked' }] });
  });

  test('by search: all that live, and nothing where the number is not the expected one', async () => {
    const all = await Promise.all(
      [1, 2, 3].map(() => issue('server', 'many.example.test', { owner: 'team-many' })),
    );
    const search = { owner: 'team-many', issuer: 'servers' };
    const wrong = await revoke({ search, expectedCount: 2 });
    expect(wrong.json).toMatchObject({ code: 'precondition_failed', status: 412 });
    expect(await stateOf(all[0]?.serial ?? '')).toBe('valid');
    const { json } = await revoke({ search, expectedCount: 3 });
    expect((json['results'] as { serial: string }[]).map(({ serial }) => serial).sort()).toEqual(
      all.map(({ serial }) => serial).sort(),
    );
    expect((await revoke({ search })).json).toMatchObject({ results: [], more: false });
    const listed = await server.ask('GET', '/api/v1/certificates?owner=team-many&state=revoked');
    expect(listed.json['certificates']).toHaveLength(3);
  });

  test.each([
    ['certificateHold', 'revocation_refused', 'not put on hold'],
    ['removeFromCRL', 'revocation_refused', 'never taken back'],
    ['cACompromise', 'revocation_refused', 'reason for CA certificates'],
    ['aACompromise', 'revocation_refused', 'attribute authorities'],
    ['keycompromise', 'invalid_request', 'keyCompromise'],
    ['', 'invalid_request', 'superseded'],
    ['constructor', 'invalid_request', 'superseded'],
  ])('the reason %j is refused with %s, and says why', async (reason, code, words) => {
    const answer = await revoke({ serials: ['00'], reason });
    expect(answer.json).toMatchObject({ code });
    expect(answer.text).toContain(words);
  });

  test.each<[string, object]>([
    ['nothing', {}],
    ['two selections', { serials: ['00'], search: { owner: 'x' } }],
    ['an empty search', { search: {} }],
    ['an empty list', { serials: [] }],
    ['a condition that is none', { search: { state: 'valid' } }],
    ['1,001 serials', { serials: Array.from({ length: 1001 }, () => '00') }],
  ])('%s is no selection', async (_, body) => {
    expect((await revoke(body)).json).toMatchObject({ code: 'invalid_request' });
  });

  test('one serial that is not on record, and nothing is revoked', async () => {
    const { serial } = await issue('server', 'c.example.test');
    const answer = await revoke({ serials: [serial, 'abcd'] });
    expect(answer.json).toMatchObject({ code: 'not_found', errors: [{ field: 'abcd' }] });
    expect(await stateOf(serial)).toBe('valid');
  });
});

describe('who may revoke', () => {
  test('deny by default, also for one’s own certificate; a grant has to cover every name', async () => {
    const web = await issue('workload', 'spiffe://example.test/web');
    const options = { login: web.login };
    const own = await revoke({ serials: [web.serial] }, options);
    expect(own.json).toMatchObject({ code: 'not_granted', decision: { allowed: false } });
    const [covered, other] = [
      await issue('server', 'x.web.example.test'),
      await issue('server', 'd.example.test'),
    ];
    const both = await revoke({ serials: [covered.serial, other.serial] }, options);
    expect(both.json).toMatchObject({ code: 'not_granted', errors: [{ field: other.serial }] });
    expect(await stateOf(covered.serial)).toBe('valid');
    const allowed = await revoke({ serials: [covered.serial] }, options);
    expect(allowed.json).toMatchObject({ results: [{ result: 'revoked' }] });
  });

  test('who may neither read nor revoke what a search finds does not learn which it is', async () => {
    const { serial } = await issue('server', 'hidden.example.test', { owner: 'team-hidden' });
    const also = await issue('server', 'hidden2.example.test', { owner: 'team-hidden' });
    const body = { search: { owner: 'team-hidden' } };
    const stranger = await issue('workload', 'spiffe://example.test/stranger');
    const blind = await revoke(body, { login: stranger.login });
    expect(blind.status).toBe(403);
    expect(blind.text).not.toContain(serial);
    const impact = await server.ask('POST', '/api/v1/revocations/impact', body, { login: stranger.login });
    expect(impact.json).toMatchObject({ count: 2, refused: 2, principals: 0, certificates: [] });
    const watcher = await issue('workload', 'spiffe://example.test/watcher');
    const seeing = await revoke(body, { login: watcher.login });
    expect(seeing.status).toBe(403);
    expect(seeing.text).toContain(serial);
    expect(seeing.text).toContain(also.serial);
    const log = await server.ask('GET', '/api/v1/audit?limit=500');
    expect(log.text).toContain('may not revoke');
  });

  test('reserved names are revoked by who may revoke everything of the issuer', async () => {
    const list = await server.ask('GET', '/api/v1/certificates?name=spiffe://example.test/chancery/admin');
    const [admin] = list.json['certificates'] as { serial: string }[];
    const web = await issue('workload', 'spiffe://example.test/web');
    const serials = [admin?.serial ?? ''];
    expect((await revoke({ serials }, { login: web.login })).status).toBe(403);
    const impact = await server.ask('POST', '/api/v1/revocations/impact', { serials });
    expect(impact.json).toMatchObject({ count: 1, refused: 0, blocksKeys: true });
  });
});

describe('a compromised key', () => {
  test('is blocked when an operator says so: no issue, no renewal, at no door', async () => {
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/blocked' }]);
    const body = { profile: 'workload', csr };
    const first = (await server.ask('POST', '/api/v1/certificates', body)).json;
    const second = (await server.ask('POST', '/api/v1/certificates', body)).json;
    const { json } = await revoke({ serials: [String(first['serial'])], reason: 'keyCompromise' });
    expect(json).toMatchObject({ results: [{ keyBlocked: true }], notices: [] });
    expect((await server.ask('POST', '/api/v1/certificates', body)).json).toMatchObject({
      code: 'blocked_key',
    });
    const login = loginOf(second, key);
    const renewal = `/api/v1/certificates/${String(second['serial'])}/renew`;
    const renewed = await server.ask('POST', renewal, { csr }, { login });
    expect(renewed.json).toMatchObject({ code: 'blocked_key' });
  });

  test('is not blocked by somebody else’s word, and the answer says so', async () => {
    const web = await issue('workload', 'spiffe://example.test/web');
    const { serial } = await issue('server', 'y.web.example.test');
    const { json } = await revoke({ serials: [serial], reason: 'keyCompromise' }, { login: web.login });
    expect(json).toMatchObject({ results: [{ result: 'revoked', keyBlocked: false }] });
    expect(String(json['notices'])).toContain('the key is not blocked');
    const again = await revoke({ serials: [serial], reason: 'keyCompromise' });
    expect(again.json).toMatchObject({ results: [{ result: 'blocked', keyBlocked: true }], notices: [] });
  });

  test('is blocked by who logs in with it', async () => {
    const { csr, key } = await makeCsr([]);
    const names = (value: string, kind: string) => ({ names: { [kind]: [value] }, csr });
    const own = await server.ask('POST', '/api/v1/certificates', {
      profile: 'workload',
      ...names('spiffe://example.test/web', 'uri'),
    });
    const other = await server.ask('POST', '/api/v1/certificates', {
      profile: 'server',
      ...names('z.web.example.test', 'dns'),
    });
    expect([own.status, other.status]).toEqual([201, 201]);
    const serials = [String(other.json['serial'])];
    const { json } = await revoke({ serials, reason: 'keyCompromise' }, { login: loginOf(own.json, key) });
    expect(json).toMatchObject({ results: [{ result: 'revoked', keyBlocked: true }] });
  });
});

describe('CRL/OCSP: a revoked certificate is refused by ourselves', () => {
  test('at the next request of a connection that is open, at login, and for a renewal', async () => {
    const { serial, login } = await issue('workload', 'spiffe://example.test/gone');
    const agent = new Agent({ ca: server.roots, ...login, keepAlive: true, maxSockets: 1 });
    const ask = (): Promise<Answer> => server.ask('GET', '/api/v1/profiles', undefined, { agent });
    expect((await ask()).status).toBe(200);
    await revoke({ serials: [serial], reason: 'cessationOfOperation' });
    const refused = await ask();
    expect(refused.json).toMatchObject({ code: 'credential_rejected' });
    expect(refused.text).toContain('was revoked');
    agent.destroy();
    expect((await server.ask('GET', '/api/v1/profiles', undefined, { login })).status).toBe(401);
    const { csr } = await makeCsr([]);
    const renewal = `/api/v1/certificates/${serial}/renew`;
    expect((await server.ask('POST', renewal, { csr }, { login })).status).toBe(401);
    const byAdmin = await server.ask('POST', renewal, { csr });
    expect(byAdmin.json).toMatchObject({ code: 'certificate_revoked' });
  });
});

describe('the impact', () => {
  test('says what a revocation would hit, and changes nothing', async () => {
    const { csr } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/impact' }]);
    const body = { profile: 'workload', csr, owner: 'ann', ttl: '1h' };
    const first = (await server.ask('POST', '/api/v1/certificates', body)).json;
    const renewal = `/api/v1/certificates/${String(first['serial'])}/renew`;
    const next = await makeCsr([]);
    const second = (await server.ask('POST', renewal, { csr: next.csr })).json;
    const search = { name: 'spiffe://example.test/impact' };
    const { json, status } = await server.ask('POST', '/api/v1/revocations/impact', { search });
    expect([status, json]).toMatchObject([
      200,
      { count: 2, complete: true, refused: 0, principals: 1, owners: 1, issuers: { workload: 2 } },
    ]);
    const [newer, older] = json['certificates'] as Record<string, unknown>[];
    expect(newer).toMatchObject({ serial: second['serial'], owner: 'ann', deliveries: [], state: 'valid' });
    expect(newer).not.toHaveProperty('replacedBy');
    expect(older).toMatchObject({ serial: first['serial'], replacedBy: second['serial'] });
    expect(older).toHaveProperty('lastRenewedAt');
    expect(Math.abs(Number(older?.['remainingSeconds']) - 3600)).toBeLessThan(30);
    expect(await stateOf(String(first['serial']))).toBe('valid');
  });
});

describe('revocation rights: proof that a private key leaked', () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  interface Statement {
    readonly header?: object;
    readonly claims?: object;
    readonly signer?: string;
    /** Text of the payload, instead of the claims. */
    readonly payload?: string;
    readonly algorithm?: string | null;
  }

  /** By the key, or spoiled in one place. */
  function statement(
    key: string,
    { header, claims, signer = key, payload, algorithm }: Statement = {},
  ): string {
    const { publicKey } = importPkcs8(decodePemOne(key, 'PRIVATE KEY'));
    const jwk = publicKey.keyObject.export({ format: 'jwk' });
    const head = encode({ alg: 'ES256', typ: STATEMENT_TYPE, jwk, ...header });
    const body =
      payload === undefined
        ? encode({ ...keyStatement(publicKey, 'example.test', Date.now()), ...claims })
        : Buffer.from(payload).toString('base64url');
    if (algorithm === null) return `${head}.${body}.`;
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
      key: createPrivateKey(signer),
      dsaEncoding: 'ieee-p1363',
    });
    return `${head}.${body}.${signature.toString('base64url')}`;
  }

  const report = (text: string): Promise<Answer> =>
    server.ask('POST', '/api/v1/revocations/leaked-key', { statement: text }, { login: null });

  test('12 forged forms and more: 0 revoked, 0 blocked', async () => {
    const victim = await issue('workload', 'spiffe://example.test/victim');
    const attacker = await issue('workload', 'spiffe://example.test/attacker');
    const jwkOf = (key: string, form: 'public' | 'private'): object => {
      const privateKey = createPrivateKey(key);
      return form === 'private'
        ? privateKey.export({ format: 'jwk' })
        : importPkcs8(decodePemOne(key, 'PRIVATE KEY')).publicKey.keyObject.export({ format: 'jwk' });
    };
    const { publicKey } = importPkcs8(decodePemOne(victim.key, 'PRIVATE KEY'));
    const claims = keyStatement(publicKey, 'example.test', Date.now());
    const seconds = Math.floor(Date.now() / 1000);
    const good = statement(victim.key);
    const forged: Record<string, string> = {
      'a signature by another key': statement(victim.key, { signer: attacker.key }),
      'the attacker’s key about the victim’s': statement(attacker.key, {
        claims: { keySha256: claims.keySha256 },
      }),
      'no signature': statement(victim.key, { algorithm: null }),
      'alg none': statement(victim.key, { header: { alg: 'none' } }),
      'an HMAC': statement(victim.key, { header: { alg: 'HS256' } }),
      'the algorithm of another curve': statement(victim.key, { header: { alg: 'ES384' } }),
      'another trust domain': statement(victim.key, { claims: { trustDomain: 'example.com' } }),
      'another purpose': statement(victim.key, { claims: { purpose: 'login' } }),
      'another type': statement(victim.key, { header: { typ: 'JWT' } }),
      'too old': statement(victim.key, { claims: { iat: seconds - 601 - 5 } }),
      'of the future': statement(victim.key, { claims: { iat: seconds + 601 + 5 } }),
      'no time': statement(victim.key, { claims: { iat: undefined } }),
      'a time as text': statement(victim.key, { claims: { iat: String(seconds) } }),
      'a kid beside the jwk': statement(victim.key, { header: { kid: 'https://localhost/account/1' } }),
      crit: statement(victim.key, { header: { crit: ['b64'], b64: false } }),
      'an ACME JWS': statement(victim.key, { header: { nonce: 'x', url: 'https://localhost/revoke' } }),
      'the private key in the jwk': statement(victim.key, { header: { jwk: jwkOf(victim.key, 'private') } }),
      'a symmetric jwk': statement(victim.key, { header: { jwk: { kty: 'oct', k: 'AAAA' } } }),
      'a certificate instead of a jwk': statement(victim.key, { header: { jwk: undefined, x5c: ['AAAA'] } }),
      'a claim more': statement(victim.key, { claims: { sub: 'x' } }),
      'a claim twice': statement(victim.key, {
        payload: JSON.stringify(claims).replace('{', '{"keySha256":"00",'),
      }),
      'a list': statement(victim.key, { payload: '[]' }),
      nothing: statement(victim.key, { payload: '' }),
      padding: `${good}=`,
      'four parts': `${good}.x`,
      'a payload that was exchanged': [
        good.split('.')[0],
        encode({ ...claims, iat: seconds - 1 }),
        good.split('.')[2],
      ].join('.'),
      'no JWS at all': 'x',
    };
    for (const [what, text] of Object.entries(forged)) {
      const answer = await report(text);
      expect([what, answer.status, answer.json['code']]).toEqual([what, 403, 'proof_of_possession_failed']);
      // what was sent is not said again
      expect(answer.text).not.toContain(victim.key.split('\n')[1]);
    }
    for (const { serial } of [victim, attacker]) expect(await stateOf(serial)).toBe('valid');
    const log = await server.ask('GET', '/api/v1/audit?limit=500');
    expect(log.text).not.toContain('"key.blocked"');
    expect(
      (
        await server.ask(
          'POST',
          '/api/v1/revocations/leaked-key',
          { statement: 'x'.repeat(8193) },
          { login: null },
        )
      ).status,
    ).toBe(400);
    expect(
      (
        await server.ask('POST', '/api/v1/revocations/leaked-key', undefined, {
          login: null,
          raw: 'x'.repeat(65_537),
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(413);
  });

  test('revokes every living certificate of the key with keyCompromise and blocks it; again, it changes nothing', async () => {
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/leak' }]);
    const body = { profile: 'workload', csr };
    const [a, b] = [
      (await server.ask('POST', '/api/v1/certificates', body)).json,
      (await server.ask('POST', '/api/v1/certificates', body)).json,
    ];
    await revoke({ serials: [String(a['serial'])], reason: 'superseded' });
    const text = statement(key);
    const first = await report(text);
    expect(first.status, first.text).toBe(200);
    expect(first.json).toMatchObject({
      results: [
        { serial: b['serial'], result: 'revoked', keyBlocked: true },
        { serial: a['serial'], result: 'raised', keyBlocked: true },
      ],
      more: false,
    });
    expect((await report(text)).json).toMatchObject({ results: [], more: false });
    const detail = await server.ask('GET', `/api/v1/certificates/${String(a['serial'])}`);
    expect(detail.json).toMatchObject({ state: 'revoked', revocationReason: 'keyCompromise' });
    expect((await server.ask('POST', '/api/v1/certificates', body)).json).toMatchObject({
      code: 'blocked_key',
    });
    const log = await server.ask('GET', '/api/v1/audit?limit=500');
    const entries = (
      log.json['entries'] as { event: string; principal: string; details: { serial?: string } }[]
    ).filter(({ event, details }) => event === 'certificate.revoked' && details.serial === b['serial']);
    expect(entries).toMatchObject([
      { principal: 'anonymous', details: { rule: 'builtin:leaked-key', keyBlocked: true } },
    ]);
  });

  test('a key without a certificate is blocked before it gets one', async () => {
    const { csr, key } = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/new' }]);
    expect((await report(statement(key))).json).toMatchObject({ results: [] });
    const answer = await server.ask('POST', '/api/v1/certificates', { profile: 'workload', csr });
    expect(answer.json).toMatchObject({ code: 'blocked_key' });
    const log = await server.ask('GET', '/api/v1/audit?limit=500');
    expect(log.text).toContain('"key.blocked"');
  });
});
