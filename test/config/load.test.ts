import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explain, type Flags, loadConfiguration, toPlain } from '../../src/config/index.ts';
import { DAY } from '../../src/base/clock.ts';
import { stringify } from 'yaml';
import { folder, load, refusal } from './workbench.ts';

/** Every setting that the first release parses. */
const WHOLE = `
trustDomain: example.test
listen: { https: 127.0.0.1:8443, status: 127.0.0.1:8080, metrics: "[::1]:9090" }
externalUrl: { https: "https://localhost:8443/", status: "http://127.0.0.1:8080" }
database: { sqlite: chancery.db }
issuers:
  workload: { root: workload, profiles: [workload], authenticates: true }
  servers:  { root: internal, profiles: [server, web], acme: { enabled: true, eab: optional } }
  clients:  { root: internal, profiles: [client], authenticates: true }
profiles:
  web: { extends: server, keyTypes: [ecdsa-p256], names: { uri: { max: 0 }, dns: { min: 1, max: 5 } }, extendedKeyUsage: [serverAuth], defaultTtl: 1d, maxTtl: 30d, backdate: 0s }
grants:
  - { principal: "acme:**", verbs: [issue, renew, revoke], issuer: servers, profiles: [server], dns: ["**.example.test", "example.test"], ip: ["127.0.0.0/8"], maxTtl: 90d }
acme:
  validation: { httpPort: 5002, tlsPort: 5001, resolver: "127.0.0.1:8053", allow: ["127.0.0.0/8"], deny: ["10.0.0.0/8"] }
delivery: { paths: ["/etc/nginx/tls", tls], commands: { nginx-reload: [/usr/sbin/nginx, -s, reload], own: [./reload.sh] } }
agent: { embedded: true }
keys: { passphrase: { file: secrets/passphrase } }
audit: { headInterval: 10s, sinks: [{ file: audit.jsonl, required: true }, { file: /var/log/chancery.jsonl }] }
log: { level: warn }
`;

describe('a whole configuration', () => {
  test('becomes values: durations, addresses, URLs, grants, profiles, absolute paths', async () => {
    const config = await load(WHOLE);
    const base = join(config.data, '..');
    expect(config.file).toBe(join(base, 'chancery.yaml'));
    expect(config).toMatchObject({
      trustDomain: 'example.test',
      listen: {
        https: { host: '127.0.0.1', port: 8443, loopback: true, isDefault: false },
        metrics: { host: '::1', port: 9090, loopback: true, isDefault: false },
      },
      externalUrl: {
        https: { url: 'https://localhost:8443', isDefault: false },
        status: { url: 'http://127.0.0.1:8080', isDefault: false },
      },
      database: { sqlite: join(config.data, 'db', 'chancery.db') },
      acme: {
        validation: {
          httpPort: 5002,
          tlsPort: 5001,
          resolver: { host: '127.0.0.1', port: 8053 },
          allow: [{ prefix: 8 }],
          deny: [{ prefix: 8 }],
        },
      },
      delivery: { paths: ['/etc/nginx/tls', join(base, 'tls')] },
      agent: { embedded: true },
      keys: { passphrase: { kind: 'file', file: join(base, 'secrets', 'passphrase') } },
      audit: {
        headInterval: 10_000,
        sinks: [
          { file: join(base, 'audit.jsonl'), required: true },
          { file: '/var/log/chancery.jsonl', required: false },
        ],
      },
      log: { level: 'warn' },
    });
    expect(
      config.issuers.map(({ name, root, authenticates, acme }) => [name, root, authenticates, acme.enabled]),
    ).toEqual([
      ['workload', 'workload', true, false],
      ['servers', 'internal', false, true],
      ['clients', 'internal', true, false],
    ]);
    expect(config.grants).toMatchObject([{ name: 'file-1', source: 'file', maxTtl: 90 * DAY }]);
    expect(config.profiles.get('web')).toEqual({
      name: 'web',
      keyTypes: ['ecdsa-p256'],
      names: {
        uri: { min: 0, max: 0 },
        dns: { min: 1, max: 5 },
        ip: { min: 0, max: 100 },
        email: { min: 0, max: 0 },
      },
      extendedKeyUsage: ['serverAuth'],
      commonName: true,
      defaultTtl: DAY,
      maxTtl: 30 * DAY,
      backdate: 0,
      login: false,
      noRevAvail: false,
    });
    expect([...config.delivery.commands]).toEqual([
      ['nginx-reload', ['/usr/sbin/nginx', '-s', 'reload']],
      ['own', [join(base, 'reload.sh')]],
    ]);
  });

  test('in plain words means the same again', async () => {
    const config = await load(WHOLE);
    const again = await load(stringify(toPlain(config)), { flags: { data: config.data } });
    expect(toPlain(again)).toEqual(toPlain(config));
    const values = ({ file: _file, settings: _settings, ...rest }: typeof config) => rest;
    expect(values(again)).toEqual(values(config));
    expect(toPlain(config)).toMatchObject({ trustDomain: 'example.test' });
  });

  test('is frozen', async () => {
    const config = await load(WHOLE);
    const parts = [
      config,
      config.listen.https,
      config.issuers,
      config.issuers[0],
      config.grants[0]?.spec,
      config.profiles.get('web')?.names.dns,
      config.plain,
      config.settings,
    ];
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('without a file', () => {
  test('everything is on its default, and serves itself', async () => {
    const config = await load(undefined);
    expect(config).toMatchObject({
      file: undefined,
      trustDomain: 'chancery.internal',
      listen: {
        https: { port: 8443, isDefault: true },
        status: { port: 8080, isDefault: true },
        metrics: { port: 9090, isDefault: true },
      },
      externalUrl: {
        https: { url: 'https://localhost:8443', isDefault: true },
        status: { url: 'http://127.0.0.1:8080', isDefault: true },
      },
      grants: [],
      keys: { passphrase: undefined },
      audit: { headInterval: 30_000, sinks: [] },
    });
    expect(config.issuers.map(({ name }) => name)).toEqual(['workload', 'servers', 'clients']);
    expect([...config.profiles.keys()]).toEqual(['workload', 'server', 'client']);
  });

  test.each([
    '',
    '\n',
    '# nothing but a comment\n',
    '---\n',
    '\uFEFFtrustDomain: chancery.internal\n',
    'listen:\nkeys:\ngrants:\nissuers:\nacme:\n  validation:\n    allow:\n',
  ])('a file like %j says nothing either', async (text) => {
    expect(toPlain(await load(text))).toEqual(toPlain(await load(undefined)));
  });
});

describe('who wins', () => {
  const text =
    'log: { level: warn }\nlisten: { https: 127.0.0.1:1111 }\nkeys: { passphrase: { credential: kek } }\n';

  test('a flag before the environment before the file before the default', async () => {
    const level = async (loading: Parameters<typeof load>[1], file: string | undefined = text) =>
      (await load(file, loading)).log.level;
    const env = { CHANCERY_LOG_LEVEL: 'error' };
    expect(await level({ env, flags: { settings: { 'log.level': 'debug' } } })).toBe('debug');
    expect(await level({ env })).toBe('error');
    expect(await level({})).toBe('warn');
    expect(await level({}, '')).toBe('info');
    expect(await level({ env: { CHANCERY_LOG_LEVEL: '' } })).toBe('warn');
  });

  test('is explained for each setting', async () => {
    const env = {
      CHANCERY_LOG_LEVEL: 'error',
      CHANCERY_ACME_VALIDATION_HTTP_PORT: '5002',
      CHANCERY_AGENT_EMBEDDED: 'false',
    };
    const config = await load(text, {
      env,
      flags: { passphraseFile: 'pass', settings: { trustDomain: 'flag.test' } },
    });
    const twice = await load(text, { env, flags: { settings: { 'log.level': 'debug' } } });
    expect(explain(twice)).toContainEqual({
      setting: 'log.level',
      value: 'debug',
      source: 'flag',
      origin: '--set log.level',
    });
    const said = new Map(explain(config).map(({ setting, ...rest }) => [setting, rest]));
    const file = String(config.file);
    expect(Object.fromEntries(said)).toMatchObject({
      config: { value: file, source: 'flag', origin: '--config' },
      data: { value: config.data, source: 'flag', origin: '--data' },
      trustDomain: { value: 'flag.test', source: 'flag', origin: '--set trustDomain' },
      'log.level': { value: 'error', source: 'environment', origin: 'CHANCERY_LOG_LEVEL' },
      'acme.validation.httpPort': {
        value: 5002,
        source: 'environment',
        origin: 'CHANCERY_ACME_VALIDATION_HTTP_PORT',
      },
      'agent.embedded': { value: false, source: 'environment' },
      'listen.https': { value: '127.0.0.1:1111', source: 'file', origin: `${file}:2:18` },
      'listen.status': { value: '127.0.0.1:8080', source: 'default', origin: undefined },
      'externalUrl.https': { value: 'https://localhost:1111', source: 'derived', origin: 'listen.https' },
      'keys.passphrase.file': { source: 'flag', origin: '--passphrase-file' },
      'issuers.clients.authenticates': { value: true, source: 'default' },
    });
    // nothing of the configuration is left out
    expect([...said.keys()].filter((name) => name.startsWith('listen'))).toHaveLength(3);
    expect(said.has('audit.headInterval')).toBe(true);
  });

  test('a passphrase file of the environment replaces a credential of the file, and starts at the working directory', async () => {
    for (const name of ['CHANCERY_PASSPHRASE_FILE', 'CHANCERY_KEYS_PASSPHRASE_FILE']) {
      const config = await load(text, { env: { [name]: 'pass' } });
      expect(config.keys.passphrase).toEqual({ kind: 'file', file: join(config.data, '..', 'pass') });
    }
  });

  test('a relative path starts at the file, or at the working directory where a flag or the environment names it', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(
      join(cwd, 'etc', 'chancery.yaml'),
      'keys: { passphrase: { file: pass } }\naudit: { sinks: [{ file: a }] }\n',
    );
    const open = (flags: Flags, env = {}) =>
      loadConfiguration({ flags: { config: 'etc/chancery.yaml', ...flags }, env, cwd });
    const file = async (...said: Parameters<typeof open>) => (await open(...said)).keys.passphrase;
    expect(await file({})).toEqual({ kind: 'file', file: join(cwd, 'etc', 'pass') });
    expect(await file({ passphraseFile: 'flag' })).toEqual({ kind: 'file', file: join(cwd, 'flag') });
    expect(await file({}, { CHANCERY_PASSPHRASE_FILE: 'env' })).toEqual({
      kind: 'file',
      file: join(cwd, 'env'),
    });
    expect((await open({ passphraseFile: 'flag' })).audit.sinks[0]?.file).toBe(join(cwd, 'etc', 'a'));
  });

  test('a listener that somebody chose does not move, whoever it was', async () => {
    const config = await load(undefined, { env: { CHANCERY_LISTEN_STATUS: '127.0.0.1:8080' } });
    expect([config.listen.https.isDefault, config.listen.status.isDefault]).toEqual([true, false]);
  });

  test('a credential is looked up where systemd puts it', async () => {
    const found = await load(text, { env: { CREDENTIALS_DIRECTORY: '/run/credentials/chancery.service' } });
    expect(found.keys.passphrase).toEqual({
      kind: 'credential',
      name: 'kek',
      file: '/run/credentials/chancery.service/kek',
    });
    expect((await load(text)).keys.passphrase).toEqual({ kind: 'credential', name: 'kek', file: undefined });
  });

  test.each(['CHANCERY_PASSPHRASE', 'CHANCERY_KEYS_PASSPHRASE'])(
    'a secret itself in %s is refused, unseen',
    async (name) => {
      const told = await refusal(undefined, { env: { [name]: 'hunter2' } });
      expect(told.message).toContain(`${name} is set`);
      expect(JSON.stringify(told)).not.toContain('hunter2');
    },
  );

  test('a wrong value of the environment is told with its variable', async () => {
    expect((await refusal(undefined, { env: { CHANCERY_LOG_LEVEL: 'loud' } })).message).toMatch(
      /^CHANCERY_LOG_LEVEL: log\.level is "loud"/,
    );
    expect(
      (await refusal(undefined, { env: { CHANCERY_ACME_VALIDATION_TLS_PORT: '70000' } })).message,
    ).toMatch(/^CHANCERY_ACME_VALIDATION_TLS_PORT: .*too big/);
    expect((await refusal(undefined, { env: { CHANCERY_AGENT_EMBEDDED: 'maybe' } })).message).toMatch(
      /^CHANCERY_AGENT_EMBEDDED: .*true or false/,
    );
    expect((await refusal(undefined, { flags: { settings: { 'log.levle': 'debug' } } })).message).toMatch(
      /unknown setting "log\.levle": did you mean "log\.level"\?/,
    );
  });
});

describe('finding the file', () => {
  test('by flag, by CHANCERY_CONFIG, or by what init left in the data folder', async () => {
    const cwd = folder();
    const write = (name: string, domain: string) => {
      writeFileSync(join(cwd, name), `trustDomain: ${domain}\n`);
    };
    write('flag.yaml', 'flag.test');
    write('env.yaml', 'env.test');
    write('init.yaml', 'init.test');
    mkdirSync(join(cwd, 'data'));
    writeFileSync(
      join(cwd, 'data', 'client.yaml'),
      `server: https://localhost:8443\nconfiguration: ${JSON.stringify(join(cwd, 'init.yaml'))}\n`,
    );
    const domain = async (config: string | undefined, env: Record<string, string>) =>
      (await loadConfiguration({ flags: { config, data: 'data' }, env, cwd })).trustDomain;
    expect(await domain('flag.yaml', { CHANCERY_CONFIG: 'env.yaml' })).toBe('flag.test');
    expect(await domain(undefined, { CHANCERY_CONFIG: 'env.yaml' })).toBe('env.test');
    expect(await domain(undefined, { CHANCERY_CONFIG: '' })).toBe('init.test');
    writeFileSync(join(cwd, 'data', 'client.yaml'), 'server: https://localhost:8443\n');
    expect(await domain(undefined, {})).toBe('chancery.internal');
    writeFileSync(join(cwd, 'data', 'client.yaml'), 'server: [');
    await expect(domain(undefined, {})).rejects.toMatchObject({ code: 'invalid_configuration' });
  });

  test.each([
    ['is missing', 'none.yaml', /none\.yaml: there is no such file/],
    ['is a folder', '.', /: it is a folder/],
  ])('one that %s is refused', async (_, config, expected) => {
    expect((await refusal(undefined, { flags: { config } })).message).toMatch(expected);
  });

  test('one beyond 1 MiB is refused, one just below is read', async () => {
    const fill = (octets: number): string => `trustDomain: example.test\n${'#'.repeat(octets - 27)}\n`;
    expect((await load(fill(1024 * 1024))).trustDomain).toBe('example.test');
    expect((await refusal(fill(1024 * 1024 + 1))).message).toMatch(/over 1048576 octets/);
  });

  test('one that is not UTF-8 is refused', async () => {
    expect((await refusal(Uint8Array.of(0x74, 0x3a, 0x20, 0xff, 0xfe))).message).toMatch(/not UTF-8/);
  });
});
