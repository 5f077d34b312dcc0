import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

const CLIENT = 'chancery-cli';
const ANN = { sub: 'u1', email: 'ann@example.test', email_verified: true };

let idp: IdentityProvider;
let server: TestServer;
let folder: string;

beforeAll(async () => {
  idp = await startIdentityProvider();
  folder = mkdtempSync(join(tmpdir(), 'chancery-login-'));
  writeFileSync(join(folder, 'idp.pem'), idp.roots);
  server = await startTestServer(`
logins:
  people: { issuer: "${idp.issuer}", audience: ${CLIENT}, discovery: true, ca: { file: ${folder}/idp.pem }, subject: email, claims: { email_verified: true }, client: { id: ${CLIENT}, scopes: [openid, email] } }
grants:
  - { principal: "jwt:people:ann@example.test", verbs: [issue], issuer: clients, profiles: [client], email: [ann@example.test], uri: ["spiffe://example.test/people/ann"] }
  - { principal: "mtls:clients:email:ann@example.test", verbs: [read], issuer: "*", profiles: ["*"], uri: ["**"], dns: ["**"], ip: ["0.0.0.0/0", "::/0"], email: ["**"] }
`);
}, 30_000);
afterAll(async () => {
  await server.stop();
  await idp.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  idp.claims = { ...ANN };
  idp.pending = 0;
  idp.instead.clear();
});

/** A browser that follows the provider to where it is sent, as a script. */
function browser(follow = 'get(response.headers.location)'): string {
  const path = join(temporaryFolder(), 'browser');
  writeFileSync(
    path,
    `#!${process.execPath}
const get = (url) => require(url.startsWith('https:') ? 'node:https' : 'node:http')
  .get(url, { ca: ${JSON.stringify(idp.roots)}, agent: false }, (response) => { response.resume(); if (response.headers.location) ${follow}; });
get(process.argv[2]);
`,
  );
  chmodSync(path, 0o700);
  return path;
}

interface Home {
  readonly home: string;
  readonly config: string;
  readonly run: (args: readonly string[], environment?: Record<string, string>) => Promise<Outcome>;
}

function newHome(): Home {
  const home = temporaryFolder();
  return {
    home,
    config: join(home, '.config/chancery/config.yaml'),
    run: (args, environment = {}) => chancery(args, { environment: { HOME: home, ...environment } }),
  };
}

const LOGIN = (): string[] => ['login', '--data', server.data];

async function expectLoggedIn(
  { home, config, run }: Home,
  outcome: Outcome,
  context = 'example.test',
): Promise<void> {
  expect(outcome.stderr).not.toMatch(/error/);
  expect(outcome.exit).toBe(0);
  expect(outcome.stdout).toContain('ann@example.test');
  const place = join(home, '.config/chancery/logins', context);
  for (const file of ['cert.pem', 'key.pem']) expect(statSync(join(place, file)).mode & 0o777).toBe(0o600);
  expect(statSync(place).mode & 0o777).toBe(0o700);
  expect(statSync(config).mode & 0o777).toBe(0o600);
  const listed = await run([
    'cert',
    'list',
    '--context',
    context,
    '--name',
    'ann@example.test',
    '-o',
    'json',
  ]);
  expect(listed.stderr).toBe('');
  const { certificates } = JSON.parse(listed.stdout) as { certificates: { principal: string }[] };
  expect(certificates[0]?.principal).toBe('jwt:people:ann@example.test');
}

describe('chancery login', () => {
  test('with a browser: code, PKCE, certificate, context', async () => {
    const home = newHome();
    const outcome = await home.run([...LOGIN(), '--provider', 'people'], { BROWSER: browser() });
    await expectLoggedIn(home, outcome);
    const text = readFileSync(home.config, 'utf8');
    expect(text).toContain(`roots: ${server.data}/roots.pem`);
    expect(text).not.toMatch(/current/); // the data folder is found without
  });

  test('without a browser: an address and a code, asked again until the person is done', async () => {
    const home = newHome();
    idp.pending = 3;
    const outcome = await home.run([...LOGIN(), '--no-browser']);
    expect(outcome.stderr).toContain(`log in at ${idp.issuer}/activate with the code WDJB-MJHT`);
    await expectLoggedIn(home, outcome);
  });

  test('without a terminal takes the device flow by itself', async () => {
    const home = newHome();
    await expectLoggedIn(home, await home.run(LOGIN()));
  });

  test('with names that are asked for', async () => {
    const home = newHome();
    const outcome = await home.run([
      ...LOGIN(),
      '--email',
      'ann@example.test',
      '--uri',
      '/people/ann',
      '-o',
      'json',
    ]);
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      context: 'example.test',
      provider: 'people',
      names: { email: ['ann@example.test'], uri: ['spiffe://example.test/people/ann'] },
      rule: 'file-1',
    });
    expect(outcome.stdout + outcome.stderr).not.toMatch(/eyJ|PRIVATE KEY/);
  });

  test('again through the context: the pair is replaced, the rest of the file stays', async () => {
    const home = newHome();
    mkdirSync(join(home.home, '.config/chancery'), { recursive: true });
    const before = `# mine\ncontexts:\n  prod: # do not touch\n    server: ${server.server.urls.https}\n    roots: ${server.data}/roots.pem\n  other: { server: "https://other.test" }\n`;
    writeFileSync(home.config, before);
    await expectLoggedIn(home, await home.run(['login', '--context', 'prod']), 'prod');
    const certificate = join(home.home, '.config/chancery/logins/prod/cert.pem');
    const first = readFileSync(certificate, 'utf8');
    await expectLoggedIn(home, await home.run(['login', '--context', 'prod']), 'prod');
    expect(readFileSync(certificate, 'utf8')).not.toBe(first);
    const text = readFileSync(home.config, 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('# do not touch');
    expect(text).toContain('other: { server: "https://other.test" }');
    expect(text).toMatch(/^current: prod$/m);
  });

  test('does not replace the login of another server', async () => {
    const home = newHome();
    mkdirSync(join(home.home, '.config/chancery'), { recursive: true });
    writeFileSync(home.config, 'contexts:\n  example.test: { server: "https://other.test" }\n');
    const outcome = await home.run(LOGIN());
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toMatch(/the context example.test is another server: https:\/\/other.test/);
    await expectLoggedIn(home, await home.run([...LOGIN(), '--save-as', 'mine']), 'mine');
  });

  test('never touches the login of the data folder', async () => {
    const before = readFileSync(join(server.data, 'admin/key.pem'), 'utf8');
    await newHome().run(LOGIN());
    expect(readFileSync(join(server.data, 'admin/key.pem'), 'utf8')).toBe(before);
  });
});

describe('chancery login gets nothing', () => {
  const refused = async (
    args: readonly string[] = [],
    environment = {},
  ): Promise<Outcome & { home: Home }> => {
    const home = newHome();
    const outcome = await home.run([...LOGIN(), ...args], environment);
    expect(existsSync(home.config)).toBe(false);
    expect(existsSync(join(home.home, '.config/chancery/logins/example.test/key.pem'))).toBe(false);
    expect(outcome.stdout).toBe('');
    return { ...outcome, home };
  };

  test('for somebody without a grant', async () => {
    idp.claims = { ...ANN, email: 'bob@example.test' };
    const { exit, stderr } = await refused();
    expect(exit).toBe(3);
    expect(stderr).toMatch(/jwt:people:bob@example.test may not issue email:bob@example.test/);
  });

  test('for the name of another', async () => {
    expect((await refused(['--email', 'bob@example.test'])).exit).toBe(3);
  });

  test('for an address that the provider does not vouch for', async () => {
    idp.claims = { ...ANN, email_verified: false };
    expect((await refused()).stderr).toMatch(/the provider vouches for no e-mail address/);
    const { exit, stderr } = await refused(['--email', 'ann@example.test']);
    expect(exit).toBe(3);
    expect(stderr).toMatch(/its email_verified is false/);
  });

  test('when the person refuses', async () => {
    idp.instead.set('/token', (_request, response) =>
      response.writeHead(400).end('{"error":"access_denied"}'),
    );
    const { exit, stderr } = await refused();
    expect(exit).toBe(3);
    expect(stderr).toMatch(/people refuses: access_denied/);
  });

  test('when nobody comes in time, by code or by browser', async () => {
    idp.pending = 1e9;
    expect((await refused(['--timeout', '1s'])).stderr).toMatch(/nobody logged in at people in time/);
    expect((await refused(['--timeout', '1s'], { BROWSER: 'true' })).stderr).toMatch(/in time/);
  });

  test('for the answer to another login', async () => {
    idp.claims = { ...ANN, nonce: 'of-another' };
    const { exit, stderr } = await refused([], { BROWSER: browser() });
    expect(exit).toBe(2);
    expect(stderr).toMatch(/nonce/);
  });

  test('from whoever does not know the state', async () => {
    const forge = `{ const url = new URL(response.headers.location); url.searchParams.set('state', 'x'); get(url.href); }`;
    expect((await refused(['--timeout', '1s'], { BROWSER: browser(forge) })).stderr).toMatch(/in time/);
  });

  test('from an answer of another issuer (RFC 9207)', async () => {
    const forge = `{ const url = new URL(response.headers.location); url.searchParams.set('iss', 'https://evil.test'); get(url.href); }`;
    expect((await refused([], { BROWSER: browser(forge) })).stderr).toMatch(/of another issuer/);
  });

  test('from a provider that is down, or is somebody else', async () => {
    await idp.down();
    const { exit, stderr } = await refused();
    expect(exit).toBe(5);
    expect(stderr).toMatch(/cannot reach the login provider people/);
    await idp.up();
    idp.instead.set('/.well-known/openid-configuration', (_request, response) =>
      response.end('{"issuer":"https://evil.test"}'),
    );
    expect((await refused()).exit).toBe(2);
  });

  test('from a provider that there is not', async () => {
    const { exit, stderr } = await refused(['--provider', 'peoples']);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/did you mean people\?/);
  });
});

describe('chancery cert issue --token-file', () => {
  const tokenFile = (text: string): string => {
    const path = join(temporaryFolder(), 'token');
    writeFileSync(path, text);
    return path;
  };
  const issue = (text: string, ...args: string[]): Promise<Outcome> => {
    const out = join(temporaryFolder(), 'out');
    const token = ['--token-file', tokenFile(text)];
    return newHome().run(['cert', 'issue', '--data', server.data, ...token, '--out', out, ...args]);
  };
  const ASKED = ['--profile', 'client', '--email', 'ann@example.test'];

  test('with a JWT, as a job finds it in a file', async () => {
    const { exit, stdout } = await issue(`${idp.token({ ...ANN, aud: CLIENT })}\n`, ...ASKED);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/allowed by +file-1/);
  });

  test.each<[string, () => string, readonly string[], number, RegExp]>([
    [
      'that has expired',
      () => idp.token({ ...ANN, aud: CLIENT, exp: 1 }),
      ASKED,
      3,
      /it expired at 1970-01-01T00:00:01Z/,
    ],
    [
      'without a profile',
      () => idp.token({ ...ANN, aud: CLIENT }),
      [],
      1,
      /neither --profile nor an enrolment token/,
    ],
    ['without a name', () => idp.token({ ...ANN, aud: CLIENT }), ASKED.slice(0, 2), 1, /no name is given/],
    ['that is none', () => 'password', ASKED, 1, /holds no token/],
    ['in two lines', () => 'a.b.c\nx', ASKED, 1, /holds no token/],
  ])('refuses a JWT %s', async (_what, make, args, code, message) => {
    const text = make();
    const { exit, stderr } = await issue(text, ...args);
    expect(stderr).toMatch(message);
    expect(exit).toBe(code);
    expect(stderr).not.toContain(text);
  });
});
