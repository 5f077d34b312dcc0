import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ApplyDocument, type ApplyReport, type ApplyRequest } from '../../src/api/apply.ts';
import { KINDS } from '../../src/cli/apply/kinds.ts';
import type { SchemaNode } from '../../src/config/schema-tree.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, type Circumstances, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let data: string;
let folder: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  server.routes.clear();
  folder = temporaryFolder();
  data = await server.dataFolder(join(folder, 'data'));
});

const ROOT = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

/** The shape that the outside relies on, word for word. */
const CONTRACT = `apiVersion: chancery/v1
kind: PublicAuthority
name: letsencrypt
spec:
  directory: https://127.0.0.1:14000/dir
  roots: pebble-root.pem                 # trust for the CA's own HTTPS
  contact: ["mailto:ops@example.test"]
  termsOfServiceAgreed: true
  solvers: [{ http01: { listen: "127.0.0.1:5002" } }]
---
apiVersion: chancery/v1
kind: ManagedCertificate
name: shop
spec:
  names: [shop.example.test]
  issuer: { public: letsencrypt }        # or: servers
  targets: [{ files: { directory: tls/shop, layout: nginx, reload: { pidFile: nginx.pid, signal: HUP } } }]
  probes: [{ tls: { address: "127.0.0.1:28443", serverName: shop.example.test } }]
  grace: 30s
`;

const file = (content: string, name = 'wishes.yaml'): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const report = (...changes: ApplyReport['changes']): ApplyReport => ({ dryRun: false, changes });
const CREATED: ApplyReport['changes'] = [
  { kind: 'ManagedCertificate', name: 'shop', action: 'created', fields: [] },
];

const apply = (args: readonly string[], circumstances?: Circumstances): Promise<Outcome> =>
  chancery(['apply', '--data', data, ...args], circumstances);

const sent = (): ApplyRequest => server.received.at(-1)?.body as ApplyRequest;

describe('what is sent', () => {
  beforeEach(() => server.on('POST /api/v1/apply', { status: 200, body: report(...CREATED) }));

  test('the documents of the contract: paths absolute against the file, roots read, defaults filled in', async () => {
    file(ROOT, 'pebble-root.pem');
    const { exit, stdout, stderr } = await apply(['-f', file(CONTRACT)]);
    expect([exit, stderr]).toEqual([
      0,
      `applying to the set default at ${server.url} (${data}/client.yaml)\n`,
    ]);
    expect(stdout).toMatch(/^KIND +NAME +IS +FIELDS\nManagedCertificate +shop +created +-\n$/);
    expect(sent()).toMatchObject({
      set: 'default',
      prune: false,
      dryRun: false,
      documents: [
        { kind: 'PublicAuthority', name: 'letsencrypt', spec: { roots: ROOT, useStaging: false } },
        {
          kind: 'ManagedCertificate',
          name: 'shop',
          spec: {
            issuer: { public: 'letsencrypt' },
            targets: [
              {
                files: {
                  directory: join(folder, 'tls/shop'),
                  layout: 'nginx',
                  reload: { pidFile: join(folder, 'nginx.pid'), signal: 'HUP' },
                },
              },
            ],
            grace: '30s',
            key: { type: 'ecdsa-p256', reuse: false },
          },
        },
      ],
    });
    expect(ApplyDocument.array().safeParse(sent().documents).success).toBe(true);
  });

  test('an absolute path stays, every other kind of path is resolved', async () => {
    const path = file(`apiVersion: chancery/v1
kind: PublicAuthority
name: ca
spec:
  directory: https://ca.test/dir
  termsOfServiceAgreed: true
  eab: { kid: k, hmacKey: { file: hmac } }
  solvers:
    - http01: { webroot: ../www }
    - dns01: { rfc2136: { server: "127.0.0.1:53", zone: a.test, key: { name: k, secret: { file: /etc/tsig } } } }
---
apiVersion: chancery/v1
kind: ManagedCertificate
name: db
spec:
  names: [db.test]
  issuer: servers
  targets: [{ files: { directory: /srv/db, layout: java, password: { file: p12.password } } }]
  probes: [{ mtls: { address: "db.test:5432", certificate: c.pem, key: k.pem } }]
`);
    expect((await apply(['-f', path])).exit).toBe(0);
    expect(sent().documents.map(({ spec }) => spec)).toMatchObject([
      {
        eab: { hmacKey: { file: join(folder, 'hmac') } },
        solvers: [
          { http01: { webroot: join(folder, '../www') } },
          { dns01: { rfc2136: { key: { secret: { file: '/etc/tsig' } } } } },
        ],
      },
      {
        targets: [{ files: { directory: '/srv/db', password: { file: join(folder, 'p12.password') } } }],
        probes: [{ mtls: { certificate: join(folder, 'c.pem'), key: join(folder, 'k.pem') } }],
      },
    ]);
  });

  test('a folder gives its YAML files in the order of their names; --set and several -f', async () => {
    const more = join(folder, 'wishes');
    mkdirSync(join(more, 'below'), { recursive: true });
    const wish = (name: string): string =>
      `{apiVersion: chancery/v1, kind: ManagedCertificate, name: ${name}, spec: {names: [a.test], issuer: servers}}`;
    writeFileSync(join(more, 'b.yml'), wish('b'));
    writeFileSync(join(more, 'a.yaml'), wish('a'));
    writeFileSync(join(more, '.hidden.yaml'), 'x: y');
    writeFileSync(join(more, 'notes.txt'), 'x: y');
    writeFileSync(join(more, 'below/c.yaml'), 'x: y');
    await apply(['-f', more, '--file', file(wish('z')), '--set', 'web']);
    expect([sent().set, sent().documents.map(({ name }) => name)]).toEqual(['web', ['a', 'b', 'z']]);
  });

  test('-o json is the report as the server gave it', async () => {
    const { stdout } = await apply(['-f', file(''), '-o', 'json']);
    expect(JSON.parse(stdout)).toEqual(report(...CREATED));
  });
});

describe('what is refused before anything is sent', () => {
  const wish = (spec: string): string =>
    `apiVersion: chancery/v1\nkind: ManagedCertificate\nname: shop\nspec:\n  names: [a.test]\n  issuer: servers\n${spec}`;
  const ca = (spec: string): string =>
    `apiVersion: chancery/v1\nkind: PublicAuthority\nname: ca\nspec:\n  directory: https://ca.test/dir\n  termsOfServiceAgreed: true\n${spec}`;

  test.each<[string, string, string, RegExp]>([
    [
      'an unknown key at the top',
      wish('  grase: 30s\n'),
      '7:3',
      /unknown key "spec\.grase": did you mean "grace"\?/,
    ],
    [
      'an unknown key in a target',
      wish('  targets: [{ files: { directory: a, layuot: nginx } }]\n'),
      '7:38',
      /unknown key "spec\.targets\[0\]\.files\.layuot": did you mean "layout"\?/,
    ],
    [
      'an unknown kind of target',
      wish('  targets: [{ fils: { directory: a } }]\n'),
      '7:15',
      /unknown key "spec\.targets\[0\]\.fils": did you mean "files"\?/,
    ],
    [
      'an unknown key in a probe, of the kind that was meant',
      wish('  probes:\n    - tls: { address: "a:1", servername: b }\n'),
      '8:30',
      /unknown key "spec\.probes\[0\]\.tls\.servername": did you mean "serverName"\?/,
    ],
    [
      'an unknown kind of probe',
      wish('  probes: [{ tlz: { address: "a:1" } }]\n'),
      '7:14',
      /unknown key "spec\.probes\[0\]\.tlz": did you mean "tls"\?/,
    ],
    [
      'two kinds of probe in one',
      wish('  probes: [{ tls: { address: "a:1" }, postgresql: { address: "a:1" } }]\n'),
      '7:39',
      /the key "spec\.probes\[0\]\.postgresql" does not go with the others/,
    ],
    [
      'a key in a solver',
      ca('  solvers: [{ http01: { listn: "a:1" } }]\n'),
      '7:25',
      /unknown key "spec\.solvers\[0\]\.http01\.listn": did you mean "listen"\?/,
    ],
    [
      'a layout that is none',
      wish('  targets: [{ files: { directory: a, layout: ngnix } }]\n'),
      '7:46',
      /spec\.targets\[0\]\.files\.layout is "ngnix": .*did you mean "nginx"\?/,
    ],
    [
      'a kind that is none',
      'kind: ManagedCertifcate\nname: a\n',
      '1:7',
      /did you mean "ManagedCertificate"\?/,
    ],
    ['no kind', 'name: a\n', '1:1', /kind is missing/],
    ['a name in capitals', wish('').replace('name: shop', 'name: Shop'), '3:7', /name is "Shop"/],
    ['a key that stands twice', wish('  grace: 1m\n  grace: 2m\n'), '8:3', /stands there twice/],
    ['a document that is a list', '- a\n', '1:1', /the document is no map/],
    ['YAML that is none', 'a: [', '1:', /cannot be read|indentation|bracket/],
    [
      'http, not https',
      ca('  solvers: [{ http01: { listen: "a:1" } }]\n').replace('https:', 'http:'),
      '5:14',
      /spec\.directory is "http:/,
    ],
    [
      'roots that are not there',
      ca('  roots: none.pem\n  solvers: [{ http01: { listen: "a:1" } }]\n'),
      '7:10',
      /no such file/,
    ],
  ])('%s, with its line', async (_what, content, place, message) => {
    const path = file(content);
    const { exit, stderr, stdout } = await apply(['-f', path]);
    expect([exit, stdout, server.received.length]).toEqual([1, '', 0]);
    expect(stderr).toContain(`${path}:${place}`);
    expect(stderr).toMatch(message);
  });

  test.each([
    [
      'of an external account',
      ca('  eab: { kid: k, hmacKey: hunter2 }\n  solvers: [{ http01: { listen: "a:1" } }]\n'),
    ],
    [
      'of an external account, in the wrong place',
      ca('  eab: hunter2\n  solvers: [{ http01: { listen: "a:1" } }]\n'),
    ],
    [
      'of DNS updates',
      ca(
        '  solvers: [{ dns01: { rfc2136: { server: "a:1", zone: a, key: { name: k, secret: hunter2 } } } }]\n',
      ),
    ],
    ['of a key store', wish('  targets: [{ files: { directory: a, layout: java, password: hunter2 } }]\n')],
    [
      'beside its file',
      wish('  targets: [{ files: { directory: a, password: { file: 7, x: hunter2 } } }]\n'),
    ],
  ])('a literal secret %s, which is never shown', async (_where, content) => {
    const { exit, stderr } = await apply(['-f', file(content)]);
    expect([exit, server.received.length]).toEqual([1, 0]);
    expect(stderr).not.toContain('hunter2');
    expect(stderr).toMatch(/holds a literal|is not \{ file: PATH \}|a map is expected/);
  });

  test('a private key among the roots is not sent', async () => {
    file(`${ROOT}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`, 'pebble-root.pem');
    const { exit, stderr } = await apply(['-f', file(CONTRACT)]);
    expect([exit, server.received.length]).toEqual([1, 0]);
    expect(stderr).toContain('pebble-root.pem holds a private key');
  });

  test('a name that stands twice, with both places; the same name of another kind may', async () => {
    const first = file(wish(''), 'a.yaml');
    const second = file(
      `${ca('  solvers: [{ http01: { listen: "a:1" } }]\n').replace('name: ca', 'name: shop')}---\n${wish('')}`,
      'b.yaml',
    );
    const { exit, stderr } = await apply(['-f', first, '-f', second]);
    expect(exit).toBe(1);
    expect(stderr).toContain(
      `${second}:11:7: the ManagedCertificate shop stands there twice, first at ${first}:3:7`,
    );
  });

  test('every fault of every file at once', async () => {
    const first = file(wish('  grase: 1m\n'), 'a.yaml');
    const second = file(`${wish('  x: 1\n')}`.replace('name: shop', 'name: two'), 'b.yaml');
    const { stderr } = await apply(['-f', first, '-f', second]);
    expect(stderr).toContain(`${first}:7:3`);
    expect(stderr).toContain(`${second}:7:3`);
  });

  test.each([
    ['no file at all', [], "required option '-f, --file <file>' not specified"],
    ['a file that is not there', ['-f', '/nonexistent/x.yaml'], 'there is no such file'],
  ])('%s', async (_what, args, message) => {
    const { exit, stderr } = await apply(args);
    expect(exit).toBe(1);
    expect(stderr).toContain(message);
  });

  test('a folder without YAML, a file that is no text, one that is too long', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const binary = join(folder, 'binary.yaml');
    writeFileSync(binary, Buffer.from([0xff, 0xfe, 0x00]));
    const long = file(`#${'x'.repeat(1024 * 1024)}`, 'long.yaml');
    expect((await apply(['-f', empty])).stderr).toContain('there is no YAML file');
    expect((await apply(['-f', binary])).stderr).toContain('is no UTF-8');
    expect((await apply(['-f', long])).stderr).toContain('is over 1 MiB long');
  });
});

describe('--prune', () => {
  const gone = { kind: 'ManagedCertificate', name: 'old', action: 'deleted', fields: [] } as const;
  beforeEach(() =>
    server.on('POST /api/v1/apply', ({ body }) => ({
      status: 200,
      body: { dryRun: (body as ApplyRequest).dryRun, changes: [{ ...gone, fields: [] }] },
    })),
  );
  const wishes = (): ApplyRequest[] => server.received.map(({ body }) => body as ApplyRequest);

  test('shows what it deletes and has the name of the set typed', async () => {
    const { exit, stderr } = await apply(['-f', file(''), '--set', 'web', '--prune'], { typed: 'web' });
    expect(exit).toBe(0);
    expect(stderr).toContain('deletes ManagedCertificate old\nType web to delete it: ');
    expect(wishes().map(({ dryRun, prune }) => [dryRun, prune])).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  test('another word deletes nothing', async () => {
    const { exit } = await apply(['-f', file(''), '--prune'], { typed: 'yes' });
    expect([exit, wishes().map(({ dryRun }) => dryRun)]).toEqual([1, [true]]);
  });

  test('without a terminal it takes --yes', async () => {
    expect((await apply(['-f', file(''), '--prune'])).exit).toBe(1);
    expect(wishes()).toEqual([]);
    expect((await apply(['-f', file(''), '--prune', '--yes'])).exit).toBe(0);
    expect(wishes().map(({ dryRun }) => dryRun)).toEqual([false]);
  });

  test('--dry-run asks nobody and changes nothing', async () => {
    const { exit, stdout } = await apply(['-f', file(''), '--prune', '--dry-run']);
    expect([exit, wishes().map(({ dryRun }) => dryRun)]).toEqual([0, [true]]);
    expect(stdout).toMatch(/WOULD BE.*\n.*old +deleted/);
  });
});

describe('diff', () => {
  const diff = (...args: string[]): Promise<Outcome> => chancery(['diff', '--data', data, ...args]);
  const wish =
    'apiVersion: chancery/v1\nkind: ManagedCertificate\nname: shop\nspec:\n  names: [a.test]\n  issuer: servers\n  grace: 30s\n';

  test('shows values before and after, and only asks', async () => {
    server.on('POST /api/v1/apply', {
      status: 200,
      body: {
        dryRun: true,
        changes: [{ kind: 'ManagedCertificate', name: 'shop', action: 'changed', fields: ['grace'] }],
      },
    });
    server.on('GET /api/v1/managed/shop', ({ path }) => ({
      status: path === '/api/v1/managed/shop' ? 200 : 404,
      body: {
        spec: {
          ...{ names: ['a.test'], issuer: 'servers', key: { type: 'ecdsa-p256', reuse: false } },
          ...{ targets: [], probes: [], grace: '5m', renewal: { quiet: [] }, labels: {}, owner: 'ann' },
        },
      },
    }));
    const { exit, stdout } = await diff('-f', file(wish));
    expect([exit, stdout]).toEqual([
      0,
      '~ ManagedCertificate shop\n  - grace: "5m"\n  + grace: "30s"\n  - owner: "ann"\n',
    ]);
    expect(server.received.map(({ body }) => (body as ApplyRequest | undefined)?.dryRun)).toEqual([
      true,
      undefined,
    ]);
    expect((await diff('-f', file(wish), '--exit-code')).exit).toBe(3);
  });

  test('nothing to change is said, exit code 0', async () => {
    server.on('POST /api/v1/apply', {
      status: 200,
      body: {
        dryRun: true,
        changes: [{ kind: 'ManagedCertificate', name: 'shop', action: 'unchanged', fields: [] }],
      },
    });
    expect(await diff('-f', file(wish), '--exit-code')).toEqual({
      exit: 0,
      stdout: '',
      stderr: 'nothing would change\n',
    });
  });
});

test('every absolute path and every secret of the schema is known to be one', () => {
  const places = (node: SchemaNode, path: readonly string[] = []): string[] => {
    const { pattern } = node as { pattern?: string };
    if (pattern?.startsWith('^\\/')) return [path.join('.')];
    return [
      ...Object.entries(node.properties ?? {}).flatMap(([name, inner]) => places(inner, [...path, name])),
      ...(node.anyOf ?? []).flatMap((inner) => places(inner, path)),
      ...(node.items === undefined ? [] : places(node.items, [...path, '*'])),
    ];
  };
  for (const { schema, paths, tree } of KINDS) {
    const found = places(z.toJSONSchema(schema, { io: 'input' }) as SchemaNode);
    expect(new Set(paths.map((path) => path.join('.')))).toEqual(new Set(found));
    const secrets = (node: SchemaNode): number =>
      (node.secret === true ? 1 : 0) +
      [
        ...Object.values(node.properties ?? {}),
        ...(node.anyOf ?? []),
        ...(node.items ? [node.items] : []),
      ].reduce((sum, inner) => sum + secrets(inner), 0);
    // what is given as { file } alone
    expect(secrets(tree)).toBe(found.filter((path) => path.endsWith('.file')).length);
  }
});
