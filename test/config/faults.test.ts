import { describe, expect, test } from 'vitest';
import { load, refusal } from './workbench.ts';

describe('a fault is told with file, line, column, value, rule and fix', () => {
  test.each<[what: string, text: string, message: RegExp, fix?: RegExp]>([
    [
      'an unknown key',
      'trustDomian: a.test\n',
      /^chancery\.yaml:1:1: unknown key "trustDomian": did you mean "trustDomain"\?$/,
      /Known here: trustDomain, listen/,
    ],
    [
      'an unknown key inside',
      'listen:\n  http: 127.0.0.1:1\n',
      /^chancery\.yaml:2:3: unknown key "listen\.http": did you mean "https"\?$/,
    ],
    ['an unknown key like no other', 'colour: red\n', /^chancery\.yaml:1:1: unknown key "colour"$/],
    ['a wrong type', 'listen: 5\n', /^chancery\.yaml:1:9: listen is 5: a map is expected$/],
    [
      'a number for a text',
      'trustDomain: 42\n',
      /^chancery\.yaml:1:14: trustDomain is 42: a text is expected$/,
      /quotes/,
    ],
    [
      'a scalar without value',
      'trustDomain:\n',
      /^chancery\.yaml:1:1.*: trustDomain is null: a text is expected$/,
    ],
    [
      'a wrong word',
      'log: { level: verbose }\n',
      /^chancery\.yaml:1:15: log\.level is "verbose": it is none of debug, info, warn, error$/,
    ],
    [
      'a trust domain by the grammar of SPIFFE',
      'trustDomain: Example.test\n',
      /trustDomain is "Example\.test": the trust domain has the character "E"/,
    ],
    [
      'an address without port',
      'listen: { https: 127.0.0.1 }\n',
      /listen\.https is "127\.0\.0\.1": it is no host:port/,
    ],
    ['a port of zero', 'listen: { https: "127.0.0.1:0" }\n', /listen\.https is "127\.0\.0\.1:0"/],
    ['an IPv6 address without brackets', 'listen: { https: "::1:8443" }\n', /listen\.https is "::1:8443"/],
    [
      'a wildcard as name of the CA in CAA records',
      'acme: { caaIdentities: ["*.example.test"] }\n',
      /acme\.caaIdentities\[0\] is "\*\.example\.test": it is no DNS name in lower case$/,
    ],
    [
      'a port beyond 65535',
      'acme: { validation: { httpPort: 65536 } }\n',
      /acme\.validation\.httpPort is 65536: it is too big$/,
      /at most 65535/,
    ],
    [
      'a range with host bits',
      'acme: { validation: { allow: [10.0.0.1/8] } }\n',
      /^chancery\.yaml:1:31: acme\.validation\.allow\[0\] is "10\.0\.0\.1\/8"/,
    ],
    ['a duration', 'audit: { headInterval: soon }\n', /audit\.headInterval is "soon": it is no duration/],
    [
      'a head interval that is no protection',
      'audit: { headInterval: 1d }\n',
      /audit\.headInterval is "1d": it is too short or too long/,
    ],
    [
      'a database out of its folder',
      'database: { sqlite: ../x.db }\n',
      /database\.sqlite is "\.\.\/x\.db": it is no file name/,
    ],
    [
      'a credential with a path',
      'keys: { passphrase: { credential: ../x } }\n',
      /^chancery\.yaml:1:35: keys\.passphrase\.credential: it is no name of a credential$/,
    ],
    [
      'a name of an issuer',
      'issuers: { Servers: { root: internal, profiles: [server] } }\n',
      /^chancery\.yaml:1:12: issuers has the name "Servers"$/,
    ],
    [
      'a root',
      'issuers: { a: { root: intermal, profiles: [server] } }\n',
      /issuers\.a\.root is "intermal".*did you mean "internal"\?/,
    ],
    [
      'a missing field',
      'issuers: { a: { root: internal } }\n',
      /^chancery\.yaml:1:15: issuers\.a\.profiles is missing$/,
    ],
    [
      'an empty list',
      'issuers: { a: { root: internal, profiles: [] } }\n',
      /issuers\.a\.profiles is \[\]: it is too small/,
    ],
    ['a URL of another scheme', 'externalUrl: { https: "http://a.test" }\n', /its scheme is http$/],
    ['a status URL by https', 'externalUrl: { status: "https://a.test" }\n', /its scheme is https$/],
    ['a URL with a password', 'externalUrl: { https: "https://u:p@a.test" }\n', /it has a user or password$/],
    ['a URL with a query', 'externalUrl: { https: "https://a.test?" }\n', /it has a query or fragment$/],
    ['a URL for every host', 'externalUrl: { https: "https://*.a.test" }\n', /its host is no DNS name/],
    ['no URL', 'externalUrl: { https: a.test }\n', /it is no URL|its scheme/],
    [
      'a relative program',
      'delivery: { commands: { reload: [nginx] } }\n',
      /^chancery\.yaml:1:34: delivery\.commands\.reload runs "nginx"$/,
    ],
  ])('%s', async (_, text, message, fix) => {
    const told = await refusal(text);
    expect(told.message).toMatch(message);
    expect(told.rule).toBeTruthy();
    expect(told.fix).toMatch(fix ?? /./);
  });

  test('all of them at once, each on its line', async () => {
    const told = await refusal(
      'trustDomain: A\nlog: { level: x }\nlisten: { http: y }\nagent: { embedded: 1 }\n',
    );
    expect(told.errors.map(({ field }) => field).sort()).toEqual([
      'chancery.yaml:1:14',
      'chancery.yaml:2:15',
      'chancery.yaml:3:11',
      'chancery.yaml:4:20',
    ]);
    expect(told.message).toMatch(/^4 faults\n/);
  });

  test('a hundred faults are counted, not all printed', async () => {
    const told = await refusal(Array.from({ length: 100 }, (_, i) => `unknown${i}: 1`).join('\n'));
    expect(told.message).toMatch(/^100 faults\n[^]*and 80 more$/);
  });
});

describe('YAML that is no configuration', () => {
  test.each<[what: string, text: string, message: RegExp]>([
    ['a list', '- a\n', /^chancery\.yaml:1:1: the file is no map/],
    ['a text', 'hunter2\n', /^chancery\.yaml:1:1: the file is no map/],
    ['an open quote', 'trustDomain: "a\nlog: {}\n', /^chancery\.yaml:\d:\d+: /],
    ['a second colon', 'trustDomain: a: b\n', /^chancery\.yaml:1:14: a second key stands on the line/],
    ['a tab', 'listen:\n\thttps: a\n', /^chancery\.yaml:2:1: a tab/],
    [
      'an open bracket',
      'grants: [\n',
      /^chancery\.yaml:\d:\d+: the indentation does not fit, or a bracket is not closed/,
    ],
    ['two documents', 'log: {}\n---\nlog: {}\n', /^chancery\.yaml:2:1: the file has several documents/],
    [
      'a key twice',
      'log: {}\nagent: {}\nlog: {}\n',
      /^chancery\.yaml:3:1: the key "log" stands there twice$/,
    ],
    [
      'a key twice, in other quotes',
      'listen: { https: 127.0.0.1:1, "https": 127.0.0.1:2 }\n',
      /^chancery\.yaml:1:31: the key "https" stands there twice$/,
    ],
    ['a key that is no text', '? [a]\n: 1\n', /^chancery\.yaml:1:3: a key is no text$/],
    ['an unknown tag', 'trustDomain: !!js/function x\n', /^chancery\.yaml:1:14: a tag/],
    ['an alias without anchor', 'trustDomain: *x\n', /^chancery\.yaml:1:14: an alias/],
    ['a merge key', 'listen: { <<: { https: 127.0.0.1:1 } }\n', /unknown key "listen\.<<"/],
    ['an alias of itself', 'grants: &a [*a]\n', /aliases counted as often as they stand/],
  ])('%s is refused with its place', async (_, text, message) => {
    expect((await refusal(text)).message).toMatch(message);
  });

  test('anchors and aliases may save typing', async () => {
    const config = await load(
      'issuers:\n  workload: { root: workload, profiles: [workload] }\n  servers: &s { root: internal, profiles: [server, client], authenticates: true }\n  more: *s\n',
    );
    expect(config.issuers.map(({ name, root }) => [name, root])).toContainEqual(['more', 'internal']);
  });

  test.each([
    [
      'a billion laughs',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij'].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefghij'[i]}`).join(',')}]`).join('\n')}`,
    ],
    [
      'an alias bomb of maps',
      `a: &a {x: 1, y: 2}\n${[...'bcdefghijklmnopqrst'].map((name, i) => `${name}: &${name} {x: *${'abcdefghijklmnopqrs'[i]}, y: *${'abcdefghijklmnopqrs'[i]}}`).join('\n')}`,
    ],
    ['60,000 keys', Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['100,000 brackets', '['.repeat(100_000)],
    ['50,000 maps in each other', '{a: '.repeat(50_000)],
    ['lines that go in and in', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['one long line', `trustDomain: "${'x'.repeat(1_000_000)}`],
  ])('%s is refused soon', async (_, text) => {
    const start = process.cpuUsage();
    await refusal(text);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(3000);
  });
});

describe('a secret', () => {
  test.each([
    'keys: { passphrase: hunter2 }',
    'keys: { passphrase: "hunter2" }',
    'keys:\n  passphrase: |\n    hunter2',
    'keys: { passphrase: [hunter2] }',
    'keys: { passphrase: { value: hunter2 } }',
    'keys: { passphrase: { file: a, credential: hunter2 } }',
    'keys: { passphrase: { credential: "hunter2!" } }',
    'keys: { passphrase: { file: [hunter2] } }',
    'keys: { passphrase: !!str hunter2 }',
    'keys: hunter2',
    'keys: [hunter2]',
    'hunter2',
    'keys: { passphrase: hunter2: x }',
    'keys: { passphrase: "hunter2\nlog: {}',
    'keys: { passphrase: "hunter2"x }',
    'keys: { passphrase: *hunter2 }',
    'keys: { passphrase: !hunter2 x }',
    'keys: { passphrase: "\\qhunter2" }',
  ])('as in %j is refused and never shown', async (text) => {
    expect(JSON.stringify(await refusal(text))).not.toContain('hunter2');
  });

  test('that stands there as a literal is refused with the reason', async () => {
    const told = await refusal('keys: { passphrase: hunter2 }');
    expect(told.message).toBe('chancery.yaml:1:21: keys.passphrase holds a literal');
    expect(told.rule).toMatch(/a secret never stands in the configuration/);
    expect(told.fix).toMatch(/\{ file: PATH \} or \{ credential: NAME \}, and change the secret/);
  });
});

describe('prototype pollution (CVE-2022-0122, CVE-2020-7720)', () => {
  const keys = [
    '__proto__',
    'constructor',
    'prototype',
    '"__proto__"',
    "'__proto__'",
    '"\\u005f_proto__"',
    '"\\x5f_proto__"',
    '? __proto__\n',
    '&a __proto__',
    '!!str __proto__',
  ];
  const places: readonly ((key: string) => string)[] = [
    (key) => (key.startsWith('?') ? `${key}: { x: 1 }\n` : `${key}: { x: 1 }\n`),
    (key) => `listen:\n  ${key.replace('\n', '\n  ')}: { x: 1 }\n`,
    (key) => `issuers:\n  ${key.replace('\n', '\n  ')}: { root: internal, profiles: [server], x: 1 }\n`,
    (key) => `profiles:\n  web:\n    extends: server\n    ${key.replace('\n', '\n    ')}: { x: 1 }\n`,
    (key) => `grants:\n  - ${key.replace('\n', '\n    ')}: { x: 1 }\n`,
  ];
  const forms = keys.flatMap((key) => places.map((place) => place(key)));

  test('50 forms are refused and change nothing', async () => {
    expect(new Set(forms).size).toBe(50);
    for (const form of forms) {
      expect((await refusal(form)).message, form).toMatch(
        /the key "(?:__proto__|constructor|prototype)" is refused/,
      );
      expect(({} as { x?: unknown }).x).toBeUndefined();
      expect(([] as { x?: unknown }).x).toBeUndefined();
    }
  });

  test('names of what every object inherits are unknown keys like others', async () => {
    for (const key of ['toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']) {
      expect((await refusal(`${key}: 1\n`)).message).toContain(`unknown key "${key}"`);
      expect((await refusal(`listen: { ${key}: 1 }\n`)).message).toContain(`unknown key "listen.${key}"`);
    }
  });

  test('nor does a setting of the command line or the environment reach a prototype', async () => {
    await refusal(undefined, { flags: { settings: { '__proto__.x': '1' } } });
    await refusal(undefined, { flags: { settings: { 'constructor.prototype.x': '1' } } });
    await load(undefined, { env: { CHANCERY___PROTO___X: '1' } });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});
