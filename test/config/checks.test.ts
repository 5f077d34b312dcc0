import { describe, expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/base/clock.ts';
import { listenerIssuer, loginIssuer, refuseDevelopmentKey } from '../../src/config/index.ts';
import { load, refusal } from './workbench.ts';

const SERVERS = 'servers: { root: internal, profiles: [server] }';
const CLIENTS = 'clients: { root: internal, profiles: [client], authenticates: true }';
const issuers = (...list: readonly string[]): string =>
  `issuers:\n${list.map((line) => `  ${line}\n`).join('')}`;

describe('what fits together is judged as a whole', () => {
  test.each<[what: string, text: string, message: RegExp]>([
    [
      'an issuer with an unknown profile',
      issuers(SERVERS, CLIENTS, 'x: { root: internal, profiles: [servr] }'),
      /^chancery\.yaml:4:35: issuers\.x\.profiles\[0\] is "servr", and there is no such profile: did you mean "server"\?$/,
    ],
    ['no issuer for the HTTPS listener', issuers(CLIENTS), /no issuer can certify the HTTPS listener|nobody/],
    [
      'servers under the workload root only',
      issuers('servers: { root: workload, profiles: [server] }', CLIENTS),
      /no issuer can certify the HTTPS listener/,
    ],
    [
      'workloads only',
      issuers('workload: { root: workload, profiles: [workload], authenticates: true }'),
      /no issuer can certify the HTTPS listener/,
    ],
    [
      'nobody who could log in',
      issuers(SERVERS, 'clients: { root: internal, profiles: [client] }'),
      /nobody could log in/,
    ],
    [
      'server certificates as the only logins',
      issuers('servers: { root: internal, profiles: [server], authenticates: true }'),
      /nobody could log in/,
    ],
    [
      'a grant with an unknown issuer',
      'grants: [{ principal: "acme:**", verbs: [issue], issuer: server, profiles: [server] }]',
      /grants\[0\]\.issuer is "server", and there is no such issuer: did you mean "servers"\?/,
    ],
    [
      'a grant with an unknown profile',
      'grants: [{ principal: "acme:**", verbs: [issue], issuer: servers, profiles: [web] }]',
      /grants\[0\]\.profiles\[0\] is "web"/,
    ],
    [
      'a grant with a bad principal',
      'grants: [{ principal: "root", verbs: [issue], issuer: "*", profiles: ["*"] }]',
      /^chancery\.yaml:1:23: grants\[0\]\.principal: "root" is no principal pattern/,
    ],
    [
      'a grant with a bad pattern',
      'grants: [{ principal: "acme:**", verbs: [issue], issuer: "*", profiles: ["*"], dns: [a.test, "*a.test"] }]',
      /^chancery\.yaml:1:94: grants\[0\]\.dns\[1\]: "\*a\.test" is no dns pattern/,
    ],
    [
      'a grant of reserved names',
      'grants: [{ principal: "acme:**", verbs: [issue], issuer: "*", profiles: ["*"], uri: ["spiffe://chancery.internal/chancery/*"] }]',
      /grants\[0\]: .* is reserved/,
    ],
    [
      'a grant without end',
      'grants: [{ principal: "acme:**", verbs: [issue], issuer: "*", profiles: ["*"], maxTtl: ever }]',
      /grants\[0\]: maxTtl .* is "ever"/,
    ],
    [
      'a grant that is called as a built-in one',
      'grants: [{ name: builtin-x, principal: "acme:**", verbs: [issue], issuer: "*", profiles: ["*"] }]',
      /no name for a grant/,
    ],
    [
      'two grants of one name',
      'grants:\n  - { name: a, principal: "acme:**", verbs: [issue], issuer: "*", profiles: ["*"] }\n  - { name: a, principal: "acme:**", verbs: [read], issuer: "*", profiles: ["*"] }\n',
      /^chancery\.yaml:3:13: grants\[1\] has the name "a" of another grant$/,
    ],
  ])('%s is refused', async (_, text, message) => {
    expect((await refusal(text)).message).toMatch(message);
  });

  test('issuers of the file take the place of all default ones', async () => {
    const config = await load(issuers(SERVERS, CLIENTS));
    expect(config.issuers.map(({ name }) => name)).toEqual(['servers', 'clients']);
    expect(config.issuers[0]?.acme).toEqual({ enabled: false, eab: 'optional' });
  });

  test('the server takes a server profile for itself and a client profile for its first admin', async () => {
    const config = await load(undefined);
    expect(
      [listenerIssuer(config), loginIssuer(config)].map((choice) => [
        choice?.issuer.name,
        choice?.profile.name,
      ]),
    ).toEqual([
      ['servers', 'server'],
      ['clients', 'client'],
    ]);
  });

  test('where there are no clients, the first admin is a workload', async () => {
    const config = await load(
      issuers('workload: { root: workload, profiles: [workload], authenticates: true }', SERVERS),
    );
    expect(loginIssuer(config)?.profile.name).toBe('workload');
  });

  test.each([
    'keyTypes: [rsa]',
    'names: { ip: { max: 0 } }',
    'names: { dns: { min: 2 } }',
    'names: { uri: { min: 1 } }',
  ])('a server profile with %s does not serve the server itself', async (narrowing) => {
    const text = `profiles: { web: { extends: server, ${narrowing} } }\n${issuers('servers: { root: internal, profiles: [web] }', CLIENTS)}`;
    expect((await refusal(text)).message).toMatch(/no issuer can certify the HTTPS listener/);
  });
});

describe('profiles of the file', () => {
  const profile = (fields: string, base = 'server'): string =>
    `profiles: { web: { extends: ${base}, ${fields} } }\n`;

  test.each<[what: string, text: string, message: RegExp]>([
    [
      'replace no built-in one',
      'profiles: { server: { extends: server } }\n',
      /^chancery\.yaml:1:13: profiles\.server is built in$/,
    ],
    ['extend a built-in one', 'profiles: { web: { extends: web } }\n', /profiles\.web\.extends is "web"/],
    ['live no longer', profile('maxTtl: 91d'), /profiles\.web\.maxTtl is "91d"/],
    ['live long enough to be renewed', profile('maxTtl: 5s'), /profiles\.web\.maxTtl is "5s"/],
    [
      'have a default within their maximum',
      profile('defaultTtl: 2d, maxTtl: 1d'),
      /profiles\.web\.defaultTtl is "2d"/,
    ],
    ['reach no further into the past', profile('backdate: 10m'), /profiles\.web\.backdate is "10m"/],
    [
      'are not over before they begin',
      profile('backdate: 2m, maxTtl: 1m'),
      /profiles\.web\.backdate is "2m"/,
    ],
    [
      'take no more names',
      profile('names: { email: { max: 1 } }'),
      /profiles\.web\.names\.email is from 0 to 1$/,
    ],
    [
      'ask for no fewer names',
      profile('names: { uri: { min: 0 } }', 'workload'),
      /profiles\.web\.names\.uri is from 0 to 1$/,
    ],
    [
      'have counts that can be met',
      profile('names: { dns: { min: 3, max: 2 } }'),
      /profiles\.web\.names\.dns is from 3 to 2$/,
    ],
    [
      'take names at all',
      profile('names: { dns: { max: 0 }, ip: { max: 0 }, uri: { max: 0 } }, extendedKeyUsage: [serverAuth]'),
      /profiles\.web\.names leave no name$/,
    ],
    [
      'have both purposes with a SPIFFE ID',
      profile('extendedKeyUsage: [serverAuth]'),
      /profiles\.web\.extendedKeyUsage is \["serverAuth"\], and SPIFFE IDs are allowed$/,
    ],
    ['know their key types', profile('keyTypes: [rsa-1024]'), /profiles\.web\.keyTypes\[0\] is "rsa-1024"/],
  ])('%s', async (_, text, message) => {
    expect((await refusal(text)).message).toMatch(message);
  });

  test('take over what they leave out, cut to their own life', async () => {
    const config = await load(
      'profiles:\n  short: { extends: workload, maxTtl: 4m }\n  signing: { extends: client, names: { uri: { max: 0 } }, extendedKeyUsage: [serverAuth] }\n',
    );
    expect(config.profiles.get('short')).toMatchObject({
      defaultTtl: 4 * MINUTE,
      maxTtl: 4 * MINUTE,
      backdate: 2 * MINUTE,
      login: true,
      commonName: false,
      names: { uri: { min: 1, max: 1 } },
    });
    expect(config.profiles.get('signing')).toMatchObject({ login: false, defaultTtl: 12 * HOUR });
  });
});

describe('listeners and the URLs that they are known by', () => {
  const urls = async (text: string) => {
    const { externalUrl } = await load(text);
    return [externalUrl.https.url, externalUrl.status.url];
  };

  test.each<[string, string, string, string]>([
    [
      'loopback',
      'listen: { https: 127.0.0.1:1443, status: 127.0.0.1:1080 }',
      'https://localhost:1443',
      'http://127.0.0.1:1080',
    ],
    [
      'loopback over IPv6',
      'listen: { https: "[::1]:1443", status: "[::1]:1080" }',
      'https://localhost:1443',
      'http://[::1]:1080',
    ],
    [
      'an address',
      'listen: { https: 10.0.0.5:1443, status: 10.0.0.5:1080 }',
      'https://10.0.0.5:1443',
      'http://10.0.0.5:1080',
    ],
    [
      'a name',
      'listen: { https: CA.example.test:1443, status: ca.example.test:1080 }',
      'https://ca.example.test:1443',
      'http://ca.example.test:1080',
    ],
    [
      'what is said',
      'externalUrl: { https: "HTTPS://CA.example.test:443/pki/", status: "http://ca.example.test/" }',
      'https://ca.example.test/pki',
      'http://ca.example.test',
    ],
  ])('follow from %s', async (_, text, https, status) => {
    expect(await urls(text)).toEqual([https, status]);
  });

  test.each<[string, string, RegExp]>([
    [
      'a URL of loopback',
      'listen: { https: 10.0.0.5:8443 }\n',
      /^chancery\.yaml:1:18: externalUrl\.status is "http:\/\/127\.0\.0\.1:8080", which leads every host to itself$/,
    ],
    [
      'a said URL of loopback',
      'listen: { status: 10.0.0.5:80 }\nexternalUrl: { https: "https://localhost:8443" }\n',
      /^chancery\.yaml:2:23: externalUrl\.https is "https:\/\/localhost:8443"/,
    ],
    [
      'a said IPv6 URL of loopback',
      'listen: { status: 10.0.0.5:80 }\nexternalUrl: { https: "https://[::1]:8443" }\n',
      /externalUrl\.https is "https:\/\/\[::1\]:8443"/,
    ],
    [
      'no URL for every address',
      'listen: { https: 0.0.0.0:8443 }\nexternalUrl: { status: "http://ca.example.test" }\n',
      /^chancery\.yaml:1:18: externalUrl\.https is missing, and listen\.https is every address$/,
    ],
    [
      'no URL for every IPv6 address',
      'listen: { https: "[::]:8443" }\nexternalUrl: { status: "http://ca.example.test" }\n',
      /externalUrl\.https is missing/,
    ],
  ])('once others can reach a listener, %s is refused', async (_, text, message) => {
    expect((await refusal(text)).message).toMatch(message);
  });

  test('metrics may be scraped from elsewhere while the rest stays local', async () => {
    expect((await load('listen: { metrics: 0.0.0.0:9090 }')).listen.metrics.loopback).toBe(false);
  });

  test.each(['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'localhost:1', 'LOCALHOST:1'])(
    '%s is loopback',
    async (address) => {
      expect((await load(`listen: { metrics: "${address}" }`)).listen.metrics.loopback).toBe(true);
    },
  );

  test.each(['0.0.0.0:1', '[::]:1', '128.0.0.1:1', '[::2]:1', 'localhost.example.test:1'])(
    '%s is not',
    async (address) => {
      expect((await load(`listen: { metrics: "${address}" }`)).listen.metrics.loopback).toBe(false);
    },
  );

  test('a development key-encryption file serves loopback only', async () => {
    refuseDevelopmentKey(await load(undefined));
    const open = await load('listen: { metrics: 0.0.0.0:9090 }');
    expect(() => {
      refuseDevelopmentKey(open);
    }).toThrow(
      expect.objectContaining({
        code: 'invalid_configuration',
        message: expect.stringContaining('listen.metrics is 0.0.0.0:9090') as string,
      }) as Error,
    );
  });
});
