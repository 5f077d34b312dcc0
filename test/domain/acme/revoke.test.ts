import { beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR } from '../../../src/base/clock.ts';
import { generateKeyPair, type KeyPair } from '../../../src/x509/key-pair.ts';
import {
  ACME_URL,
  accountKey,
  asAccountKey,
  b64,
  makeAcme,
  namesOf,
  refusedAs,
  signed,
  type TestAcme,
  type TestClient,
} from '../../support/acme.ts';
import { makeRequest } from '../../support/request.ts';

let acme: TestAcme;
let owner: TestClient;
let der: Uint8Array;
let serial: string;
let leaf: KeyPair;
const NAMES = ['a.example.test', 'b.example.test'];

beforeEach(async () => {
  acme = await makeAcme();
  owner = acme.client();
  await owner.register();
  leaf = await generateKeyPair('ecdsa-p256');
  const order = await owner.order(NAMES);
  await owner.authorize(order);
  const { json } = await owner.finalize(order, makeRequest(leaf, { names: namesOf(NAMES) }));
  serial = String(json['certificate']).split('/').at(-1) ?? '';
  der = acme.store.ledger.findCertificate(serial)?.der ?? new Uint8Array();
});

const revoke = (client: TestClient, more: object = {}, options = {}): Promise<unknown> =>
  client.post('revoke-cert', { certificate: b64(der), ...more }, options);

const byKey = (issuer = 'servers'): TestClient => acme.client(asAccountKey(leaf), issuer);

describe('RFC 8555 7.6', () => {
  it('RFC 8555 7.6: the account that ordered a certificate revokes it, once', async () => {
    expect(await revoke(owner, { reason: 4 })).toMatchObject({ status: 200 });
    expect(acme.revoked).toMatchObject([{ serial, reason: 4, by: { holdsKey: false } }]);
    expect(await refusedAs(revoke(owner))).toBe('alreadyRevoked 400');
  });

  it('RFC 8555 7.6: the key of the certificate revokes it; as keyCompromise also after a harmless reason', async () => {
    expect(await revoke(byKey(), {})).toMatchObject({ status: 200 });
    expect(acme.revoked).toMatchObject([{ serial, reason: 0, by: { holdsKey: true } }]);
    expect(await refusedAs(revoke(owner, { reason: 1 }))).toBe('alreadyRevoked 400');
    expect(await revoke(byKey(), { reason: 1 })).toMatchObject({ status: 200 });
  });

  it('RFC 8555 7.6: an account that holds authorizations for all its names revokes it', async () => {
    const other = acme.client();
    await other.register();
    await other.authorize(await other.order([NAMES[0] ?? '']));
    expect(await refusedAs(revoke(other))).toBe('unauthorized 403');
    await other.authorize(await other.order([NAMES[1] ?? '']));
    expect(await revoke(other)).toMatchObject({ status: 200 });
  });

  it('RFC 8555 7.6: an authorization that ended, or is for the wildcard, does not count', async () => {
    const other = acme.client();
    await other.register();
    await other.authorize(await other.order(NAMES));
    acme.pipeline.clock.advance(31 * DAY);
    expect(await refusedAs(revoke(other))).toBe('unauthorized 403');
    await other.authorize(await other.order(NAMES.map((name) => `*.${name}`)));
    expect(await refusedAs(revoke(other))).toBe('unauthorized 403');
    const again = await other.order(NAMES);
    await other.authorize(again);
    await other.post(again.authorizations[0] ?? '', { status: 'deactivated' });
    expect(await refusedAs(revoke(other))).toBe('unauthorized 403');
  });

  it.each([0, 1, 3, 4, 5, 9])('RFC 8555 7.6: the reason %i is taken', async (reason) => {
    expect(await revoke(owner, { reason })).toMatchObject({ status: 200 });
  });

  it.each([2, 6, 7, 8, 10, -1, 1.5, '4', null, [4]])(
    'RFC 8555 7.6: the reason %j is none for a leaf',
    async (reason) => {
      expect(await refusedAs(revoke(owner, { reason }))).toBe('badRevocationReason 400');
    },
  );

  /** Forms that would revoke somebody else's certificate. */
  const FORGED: readonly (readonly [what: string, forge: () => Promise<unknown>, refused: string])[] = [
    ['a stranger’s account', async () => revoke(await registered()), 'unauthorized 403'],
    ['a stranger’s key as jwk', async () => revoke(acme.client()), 'unauthorized 403'],
    ['an account at another directory', async () => revoke(await registered('clients')), 'malformed 404'],
    ['the certificate’s key at another directory', async () => revoke(byKey('clients')), 'malformed 404'],
    [
      'the certificate’s key as jwk, signed by another (ACME-Server-ADCS 115)',
      async () => revoke(byKey(), {}, { key: { ...accountKey(), jwk: asAccountKey(leaf).jwk } }),
      'malformed 400',
    ],
    [
      'the owner’s kid, signed by another (ACME-Server-ADCS 115)',
      async () => revoke(acme.client(), {}, { header: { jwk: undefined, kid: owner.kid } }),
      'malformed 400',
    ],
    [
      'the owner’s kid beside a jwk of one’s own',
      async () => revoke(acme.client(), {}, { header: { kid: owner.kid } }),
      'malformed 400',
    ],
    [
      'a request of the owner for another resource',
      async () => revoke(owner, {}, { header: { url: `${ACME_URL}/servers/new-order` } }),
      'unauthorized 403',
    ],
    ['a request of the owner again', replayed, 'badNonce 400'],
    [
      'a certificate with a bit changed',
      async () =>
        owner.post('revoke-cert', {
          certificate: b64(der.map((octet, i) => (i === der.length - 1 ? octet ^ 1 : octet))),
        }),
      'malformed 404',
    ],
    [
      'a certificate of nobody',
      async () => owner.post('revoke-cert', { certificate: b64(other()) }),
      'malformed 404',
    ],
    ['the issuing CA', async () => owner.post('revoke-cert', { certificate: b64(ca()) }), 'malformed 404'],
    [
      'no certificate',
      async () => owner.post('revoke-cert', { certificate: b64('no DER') }),
      'malformed 400',
    ],
    [
      'PEM',
      async () => owner.post('revoke-cert', { certificate: '-----BEGIN CERTIFICATE-----' }),
      'malformed 400',
    ],
    ['a deactivated owner', async () => deactivated(), 'unauthorized 401'],
  ];

  const registered = async (issuer = 'servers'): Promise<TestClient> => {
    const client = acme.client(undefined, issuer);
    await client.register();
    return client;
  };
  const ca = (): Uint8Array => acme.pipeline.authorities.get('servers')?.generation.certificate.raw ?? der;
  const other = (): Uint8Array => acme.pipeline.authorities.get('clients')?.root ?? der;
  async function replayed(): Promise<unknown> {
    const url = owner.url('revoke-cert');
    const header = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: owner.kid };
    const body = JSON.stringify(signed(owner.key, header, { certificate: b64(other()) }));
    await owner.post('revoke-cert', undefined, { body }).catch(() => undefined);
    return owner.post('revoke-cert', undefined, { body });
  }
  async function deactivated(): Promise<unknown> {
    await owner.post(owner.kid ?? '', { status: 'deactivated' });
    return revoke(owner);
  }

  it.each(FORGED)('RFC 8555 7.6: %s revokes nothing', async (_what, forge, refused) => {
    expect(await refusedAs(forge())).toBe(refused);
    expect(acme.revoked).toEqual([]);
    expect(acme.store.ledger.findRevocation(serial)).toBeNull();
  });
});

describe('RFC 9773', () => {
  const info = (id: string, issuer = 'servers') => {
    const directory = acme.ports.directories.get(issuer);
    if (directory === undefined) throw new Error(issuer);
    return acme.server.renewalInfo(directory, id) as {
      body: { suggestedWindow: { start: string; end: string }; explanationURL?: string };
      retryAfter: number;
    };
  };
  const idOf = async (): Promise<string> => {
    const { certificateId } = await import('../../../src/domain/acme/renewal-info.ts');
    return certificateId(acme.ports, serial) ?? '';
  };
  const window = async () => {
    const { start, end } = info(await idOf()).body.suggestedWindow;
    return { start: Date.parse(start), end: Date.parse(end) };
  };

  it('RFC 9773 4.2: a week’s certificate is renewed in its last third, and the window ends long before it does', async () => {
    const { notBefore, notAfter } = acme.store.ledger.findCertificate(serial) ?? {
      notBefore: 0,
      notAfter: 0,
    };
    const { start, end } = await window();
    const life = notAfter - notBefore;
    expect((start - notBefore) / life).toBeCloseTo(2 / 3, 3);
    expect(end).toBeGreaterThan(start);
    expect((notAfter - end) / life).toBeGreaterThan(0.2);
    expect(info(await idOf()).retryAfter).toBe(6 * 3600);
  });

  it.each([
    ['a day', DAY, HOUR / 1000],
    ['an hour', HOUR, 150],
    ['ten minutes', HOUR / 6, 60],
    ['ninety days', 90 * DAY, 6 * 3600],
  ])(
    'RFC 9773 4.3: of %s the client asks again after a 24th of the life, within a minute and six hours',
    async (_what, life, seconds) => {
      const { pollInterval, renewalWindow } = await import('../../../src/domain/acme/renewal-info.ts');
      expect(pollInterval({ notBefore: 0, notAfter: life }) / 1000).toBe(seconds);
      const { start, end } = renewalWindow(
        { notBefore: 0, notAfter: life, issuedAt: 0, revokedAt: null },
        [],
      );
      expect(end - start).toBe(Math.floor(life * 0.75) - Math.floor((life * 2) / 3));
    },
  );

  it('RFC 9773 4.2: a revoked certificate is to be renewed at once', async () => {
    await revoke(owner);
    const { start, end } = await window();
    expect(end).toBeGreaterThan(start);
    expect(end).toBeLessThanOrEqual(acme.pipeline.clock.now());
  });

  it('RFC 9773 4.2: an operator moves the windows of what was issued so far, and never makes one later', async () => {
    const now = acme.pipeline.clock.now();
    const usual = await window();
    const moved = {
      id: '1',
      issuer: 'servers',
      issuedUntil: now,
      explanationUrl: 'https://status.example.test/',
    };
    await acme.store.acme.windows.move({ ...moved, start: now, end: now + HOUR }, []);
    expect(await window()).toEqual({ start: now, end: now + HOUR });
    expect(info(await idOf()).body.explanationURL).toBe('https://status.example.test/');
    acme.pipeline.clock.advance(1000);
    const later = await owner.obtain(['c.example.test']);
    serial = later.serial;
    expect((await window()).start).toBeGreaterThan(usual.start - 1);
    await acme.store.acme.windows.move(
      { ...moved, id: '2', issuedUntil: now + DAY, start: now + 90 * DAY, end: now + 91 * DAY },
      [],
    );
    expect((await window()).start).toBeLessThan(now + 90 * DAY);
  });

  it('RFC 9773 4.1: an identifier that is none, of nobody or of another directory is refused', async () => {
    const id = await idOf();
    const [aki = '', number = ''] = id.split('.');
    const refused = (text: string, issuer?: string) =>
      refusedAs(Promise.resolve().then(() => info(text, issuer)));
    for (const text of [
      '',
      '.',
      aki,
      `${aki}.`,
      `${aki}=.${number}`,
      `${aki}.${number}.${number}`,
      `${aki}.${b64(Buffer.from([0, 1]))}`,
      `${aki}.${b64(Buffer.from([0x80]))}`,
      'x'.repeat(300),
    ])
      expect(await refused(text)).toBe('malformed 400');
    expect(await refused(`${aki}.${b64(Buffer.from([0x41, 1]))}`)).toBe('malformed 404');
    expect(await refused(`${b64(Buffer.alloc(20))}.${number}`)).toBe('malformed 404');
    expect(await refused(id, 'clients')).toBe('malformed 404');
  });

  it('RFC 9773 5: replaces is recorded once for each certificate that it replaces', async () => {
    const replaces = await idOf();
    const first = await owner.order(NAMES, { replaces });
    expect(first.reply.json['replaces']).toBe(replaces);
    expect(await refusedAs(owner.order(NAMES, { replaces }))).toBe('alreadyReplaced 409');
    await owner.post(first.authorizations[0] ?? '', { status: 'deactivated' });
    expect((await owner.order(NAMES, { replaces })).reply.status).toBe(201);
  });

  it('RFC 9773 5: replaces names a certificate of the account with a name of the order', async () => {
    const replaces = await idOf();
    const other = acme.client();
    await other.register();
    expect(await refusedAs(other.order(NAMES, { replaces }))).toBe('unauthorized 403');
    expect(await refusedAs(owner.order(['c.example.test'], { replaces }))).toBe('malformed 400');
    for (const wrong of ['nonsense', 7, `${replaces.split('.')[0] ?? ''}.QQE`])
      expect(await refusedAs(owner.order(NAMES, { replaces: wrong }))).toBe('malformed 400');
  });
});
