import { expect, test } from 'vitest';
import type { CaaAsk } from '../../src/domain/acme/validation-port.ts';
import { caaRefusal, parseIssueValue } from '../../src/validation/caa.ts';
import {
  ACCOUNT,
  ALLOWED,
  answering,
  askFor,
  dns,
  http,
  ip,
  KEY_AUTHORIZATION,
  never,
  openDns,
  openPeer,
  probeFor,
  verdict,
} from './workbench.ts';

const CA = 'ca.example.test';

async function world() {
  const resolver = await openDns();
  const probe = probeFor({
    resolver: { host: resolver.address, port: resolver.port },
    caaIdentities: [CA, 'pki.example.test'],
  });
  const check = (name: string, more: Partial<CaaAsk> = {}) =>
    probe.check(
      { identifier: dns(name), wildcard: false, method: 'http-01', accountUri: ACCOUNT, ...more },
      never(),
    );
  return { resolver, probe, check };
}

test('RFC 8659 3: no records up to the top is permission; each name is asked, from the bottom up', async () => {
  const { resolver, check } = await world();
  expect(verdict(await check('a.b.example.test'))).toBe('ok');
  expect(resolver.asked).toEqual([
    'CAA a.b.example.test',
    'CAA b.example.test',
    'CAA example.test',
    'CAA test',
  ]);
});

test('RFC 8659 3: the closest name with records decides, and nothing above it is asked', async () => {
  const { resolver, check } = await world();
  resolver.add('b.example.test', 'CAA', `0 issue "${CA}"`).add('example.test', 'CAA', '0 issue ";"');
  expect(verdict(await check('a.b.example.test'))).toBe('ok');
  expect(resolver.asked).toEqual(['CAA a.b.example.test', 'CAA b.example.test']);
  expect(verdict(await check('c.example.test'))).toBe('caa');
});

test('RFC 8659 3: aliases are followed, the climb goes on from the name itself', async () => {
  const { resolver, check } = await world();
  resolver
    .add('www.example.test', 'CNAME', 'host.cloud.test')
    .add('host.cloud.test', 'CAA', '0 issue "other.test"');
  expect(verdict(await check('www.example.test'))).toBe('caa');
  resolver
    .clear()
    .add('www.example.test', 'CNAME', 'host.cloud.test')
    .add('host.cloud.test', 'A', '10.0.0.1');
  // of the parents of the alias nobody asks (RFC 6844 did)
  resolver.add('cloud.test', 'CAA', '0 issue "other.test"').add('example.test', 'CAA', `0 issue "${CA}"`);
  expect(verdict(await check('www.example.test'))).toBe('ok');
  expect(resolver.asked).not.toContain('CAA cloud.test');
});

test.each([2, 5, 4])(
  'SERVFAIL is no permission (BR 3.2.2.8.1): rcode %i anywhere on the way',
  async (rcode) => {
    for (const broken of ['a.example.test', 'example.test', 'test']) {
      const { resolver, check } = await world();
      resolver.answer = (query) => (query.name.toLowerCase() === broken ? { rcode } : 'records');
      expect(await check('a.example.test')).toMatchObject({
        ok: false,
        retry: true,
        problem: { type: 'dns' },
      });
    }
  },
);

test('neither is silence', async () => {
  const { resolver } = await world();
  resolver.answer = () => undefined;
  const probe = probeFor({
    resolver: { host: resolver.address, port: resolver.port },
    caaIdentities: [CA],
    patience: 300,
  });
  const ask = { identifier: dns('a.test'), wildcard: false, method: 'http-01', accountUri: ACCOUNT } as const;
  expect(verdict(await probe.check(ask, never()))).toBe('dns');
});

test('a record that cannot be read is no permission', async () => {
  const { resolver, check } = await world();
  resolver.add('a.test', 'CAA', '0 bad-tag "x"');
  expect(verdict(await check('a.test'))).toBe('dns');
});

test('IP addresses have no CAA records', async () => {
  const { resolver, check } = await world();
  expect(verdict(await check('', { identifier: ip('10.0.0.1') }))).toBe('ok');
  expect(resolver.asked).toEqual([]);
});

test('a refusal is final, and said in words', async () => {
  const { resolver, check } = await world();
  resolver.add('a.test', 'CAA', '0 issue "other.test"');
  expect(await check('a.test')).toMatchObject({
    ok: false,
    retry: false,
    problem: {
      type: 'caa',
      detail: 'the CAA records of a.test do not allow it: no issue names ca.example.test or pki.example.test',
    },
  });
});

test('CAA is looked at after the challenge where identities are configured, and never before it', async () => {
  const peer = await openPeer(answering(http(200, [], KEY_AUTHORIZATION)));
  const resolver = await openDns();
  resolver.add('a.test', 'A', ALLOWED).add('a.test', 'CAA', '0 issue "other.test"');
  const settings = { httpPort: peer.port, resolver: { host: resolver.address, port: resolver.port } };
  const ask = askFor('http-01', dns('a.test'));
  const strict = await probeFor({ ...settings, caaIdentities: [CA] }).validate(ask, never());
  expect(verdict(strict)).toBe('caa');
  expect(strict.log.map(({ kind }) => kind)).toEqual(['dns', 'http', 'dns', 'caa']);
  expect(verdict(await probeFor(settings).validate(ask, never()))).toBe('ok');
  resolver.clear().add('a.test', 'A', ALLOWED);
  const allowed = await probeFor({ ...settings, caaIdentities: [CA] }).validate(ask, never());
  expect(allowed).toMatchObject({ ok: true, address: `127.0.0.1:${peer.port}` });
});

// ---- what records mean

const record = (text: string) => {
  const [, flags = '0', tag = '', value = ''] = /^(\d+) (\S+) "(.*)"$/.exec(text) ?? [];
  return { owner: 'a.test', type: 'CAA', critical: Number(flags) >= 128, tag, value } as const;
};
const refuses = (texts: readonly string[], { wildcard = false }: { wildcard?: boolean } = {}): boolean =>
  caaRefusal(texts.map(record), { wildcard, method: 'http-01', accountUri: ACCOUNT }, [
    CA,
    'pki.example.test',
  ]) !== undefined;

test.each<[string, string[], boolean]>([
  ['nothing', [], true],
  ['this CA', [`0 issue "${CA}"`], true],
  ['another of its names', ['0 issue "pki.example.test"'], true],
  ['in upper case', [`0 issue "${CA.toUpperCase()}"`], true],
  ['with white space', [`0 issue "  ${CA}\t"`], true],
  ['this CA among others', ['0 issue "other.test"', `0 issue "${CA}"`], true],
  ['another CA', ['0 issue "other.test"'], false],
  ['a name above ours', ['0 issue "example.test"'], false],
  ['a name below ours', [`0 issue "x.${CA}"`], false],
  ['nobody', ['0 issue ";"'], false],
  ['nobody, empty', ['0 issue ""'], false],
  ['nobody, and us', ['0 issue ";"', `0 issue "${CA}"`], true],
  ['a broken value', [`0 issue "${CA} x"`], false],
  ['a broken value, and us', ['0 issue "%%%"', `0 issue "${CA}"`], true],
  ['iodef only', ['0 iodef "mailto:a@b.test"'], true],
  ['iodef, critical', ['128 iodef "mailto:a@b.test"'], true],
  ['an unknown tag', ['0 future "x"'], true],
  ['an unknown tag, critical', ['128 future "x"'], false],
  ['an unknown tag, critical, beside us', [`0 issue "${CA}"`, '128 future "x"'], false],
  ['critical issue for us', [`128 issue "${CA}"`], true],
  ['issuewild says nothing of other names', ['0 issuewild "other.test"'], true],
  ['issuewild for us does not help other names', [`0 issuewild "${CA}"`, '0 issue "other.test"'], false],
])('RFC 8659 4.2: %s', (_what, records, allowed) => {
  expect(refuses(records)).toBe(!allowed);
});

test.each<[string, string[], boolean]>([
  ['issue counts where there is no issuewild', [`0 issue "${CA}"`], true],
  ['issue of another CA too', ['0 issue "other.test"'], false],
  ['issuewild for us beats issue for another', ['0 issue "other.test"', `0 issuewild "${CA}"`], true],
  ['issuewild for another beats issue for us', [`0 issue "${CA}"`, '0 issuewild "other.test"'], false],
  ['issuewild for nobody', [`0 issue "${CA}"`, '0 issuewild ";"'], false],
  ['an unknown critical tag', [`0 issuewild "${CA}"`, '128 future "x"'], false],
])('RFC 8659 4.3: for wildcards %s', (_what, records, allowed) => {
  expect(refuses(records, { wildcard: true })).toBe(!allowed);
});

test.each<[string, string, boolean]>([
  ['our account', `${CA}; accounturi=${ACCOUNT}`, true],
  ['another account', `${CA}; accounturi=${ACCOUNT}2`, false],
  ['a beginning of our account', `${CA}; accounturi=${ACCOUNT.slice(0, -1)}`, false],
  ['an empty account', `${CA}; accounturi=`, false],
  ['two accounts', `${CA}; accounturi=${ACCOUNT}; accounturi=https://x.test/2`, false],
  ['our account twice', `${CA}; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`, false],
  ['the name in another case', `${CA}; AccountURI=${ACCOUNT}`, true],
  ['our method', `${CA}; validationmethods=http-01`, true],
  ['our method among others', `${CA}; validationmethods=dns-01,http-01`, true],
  ['another method', `${CA}; validationmethods=dns-01`, false],
  ['a method like ours', `${CA}; validationmethods=http-011`, false],
  ['no method', `${CA}; validationmethods=`, false],
  ['methods twice', `${CA}; validationmethods=http-01; validationmethods=http-01`, false],
  ['both right', `${CA}; accounturi=${ACCOUNT}; validationmethods=http-01`, true],
  ['right account, another method', `${CA}; accounturi=${ACCOUNT}; validationmethods=dns-01`, false],
  ['a parameter of others', `${CA}; policy=ev`, true],
  ['nothing behind the semicolon', `${CA};`, true],
  ['a broken parameter', `${CA}; =x`, false],
  ['a parameter without value', `${CA}; accounturi`, false],
  ['empty between two', `${CA};; accounturi=${ACCOUNT}`, false],
])('RFC 8657: %s', (_what, value, allowed) => {
  expect(refuses([`0 issue "${value}"`])).toBe(!allowed);
});

test('RFC 8657 3: one of several issue records has to fit as a whole', () => {
  const others = `0 issue "${CA}; accounturi=https://x.test/2"`;
  expect(refuses([others, `0 issue "${CA}; validationmethods=http-01"`])).toBe(false);
  expect(refuses([others, `0 issue "${CA}; validationmethods=dns-01"`])).toBe(true);
});

test.each([
  ['ca.test', { domain: 'ca.test', parameters: [] }],
  ['', { domain: '', parameters: [] }],
  [' ; ', { domain: '', parameters: [] }],
  [
    'ca.test; a=b ;c = d',
    {
      domain: 'ca.test',
      parameters: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    },
  ],
  ['ca..test', undefined],
  ['-ca.test', undefined],
  ['ca.test a=b', undefined],
  ['ca.test; a b=c', undefined],
  ['ca.test; a=b c', undefined],
])('RFC 8659 4.2: the grammar of %j', (text, parsed) => {
  expect(parseIssueValue(text)).toEqual(parsed);
});
