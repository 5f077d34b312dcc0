/** Twelve faults, planted one by one in a sound data folder: each is found, named, and told with its fix. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/base/clock.ts';
import { loadConfiguration } from '../../src/config/index.ts';
import { CHECKS } from '../../src/server/doctor/checks.ts';
import { examine } from '../../src/server/doctor/examine.ts';
import type { Surroundings } from '../../src/server/doctor/facts.ts';
import { CHECK_IDS, type CheckId, type Finding, type Severity } from '../../src/server/doctor/finding.ts';
import { initializeAuthority } from '../../src/server/initialize.ts';
import { ROOT } from '../docs/pages.ts';
import { freePorts } from '../support/free-ports.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { startTestServer } from '../support/running-server.ts';
import type { ManagedCertificate } from '../../src/domain/renewal/managed.ts';
import { startedVersion } from '../../src/domain/renewal/transitions.ts';
import { SILENT } from '../db/sqlite/test-store.ts';

let template: string;
let ports: number[];

const CONFIG = (): string =>
  `trustDomain: example.test\nlisten: { https: "127.0.0.1:${ports[0]}", status: "127.0.0.1:${ports[1]}", metrics: "127.0.0.1:${ports[2]}" }\n`;

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'chancery-doctor-'));
  ports = await freePorts(3);
  const config = join(template, 'chancery.yaml');
  writeFileSync(config, CONFIG());
  const flags = { config, data: join(template, 'data') };
  await initializeAuthority(await loadConfiguration({ flags, env: {}, cwd: template }), SILENT);
});
afterAll(() => rmSync(template, { recursive: true, force: true }));

interface Patient {
  readonly data: string;
  readonly config: string;
  readonly look: (around?: Partial<Surroundings>) => Promise<readonly Finding[]>;
}

function patient(extra = ''): Patient {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(template, folder, { recursive: true });
  for (const name of ['keys', 'admin', 'db']) chmodSync(join(folder, 'data', name), 0o700); // copies follow the umask
  const [data, config] = [join(folder, 'data'), join(folder, 'chancery.yaml')];
  writeFileSync(config, (extra === OPEN ? CONFIG().replaceAll('127.0.0.1', '0.0.0.0') : CONFIG()) + extra);
  const options = { data, config, env: {}, cwd: folder, say: () => undefined };
  return { data, config, look: (around = {}) => examine(options, around) };
}

/** What is not well, but for the development key, which every patient has. */
const worse = (findings: readonly Finding[]): Finding[] =>
  findings.filter(
    ({ severity, message }) =>
      severity !== 'ok' && severity !== 'info' && !message.includes('development file'),
  );

const edit = (data: string, sql: string): void => {
  const database = new Database(join(data, 'db', 'chancery.db'));
  database.exec(sql);
  database.close();
};

/** Changes an entry behind the back of the triggers. */
const TAMPER = `DROP TRIGGER audit_entries_never_change;
  UPDATE audit_entries SET body = replace(body, 'internal', 'external') WHERE sequence = 3;`;

const off = (by: number): Partial<Surroundings> => ({ clock: { now: () => Date.now() + by } });

type Fault = readonly [
  check: CheckId,
  what: string,
  severity: Severity,
  message: RegExp,
  fix: RegExp,
  plant: (data: string) => Partial<Surroundings> | void | Promise<void>,
  extra?: string,
];

/** A managed certificate whose only version is current, issued 60 days ago for 90, but for what `fields` say. */
const manage = (data: string, name: string, fields: object = {}): void => {
  const now = Date.now();
  const targets = [{ id: 'here', kind: 'files', spec: {} }];
  const version = {
    ...startedVersion({ name, revision: 1 } as ManagedCertificate, 1, 'first', now - 60 * DAY),
    certificate: { notBefore: now - 60 * DAY, notAfter: now + 30 * DAY },
    stagedAt: now - 60 * DAY,
    verifiedAt: now - 60 * DAY,
    currentAt: now - 60 * DAY,
    ...fields,
  };
  const quoted = (facts: object): string => `'${JSON.stringify(facts)}'`;
  edit(
    data,
    `INSERT INTO managed (name, revision, facts, due_at) VALUES ('${name}', 1, ${quoted({ name, wish: { targets, renewal: { fraction: name === 'tardy' ? 0.9 : undefined } } })}, 0);
     INSERT INTO managed_versions (managed, number, over, facts) VALUES ('${name}', 1, 0, ${quoted(version)})`,
  );
};

const FAULTS: readonly Fault[] = [
  [
    'managed',
    'a version that is stored but not served',
    'warning',
    /^shop: version 1 is stored, and not served everywhere$/,
    /chancery managed show shop/,
    (data) => manage(data, 'shop', { verifiedAt: null, currentAt: null, notServedAt: 1 }),
  ],
  [
    'chain',
    'a key that is gone',
    'critical',
    /key of the generation servers-1 is missing: there is no .*servers-1\.key\.json/,
    /Restore the keys folder/,
    (data) => rmSync(join(data, 'keys', 'servers-1.key.json')),
  ],
  [
    'expiry',
    'a generation in its last third',
    'warning',
    /generation (workload|servers|clients)-1 is about to end: \d+d.* \(2\d %\) left, until 20/,
    /successor/,
    () => off(270 * DAY),
  ],
  [
    'clock',
    'a clock two hours back',
    'critical',
    /1h59m|2h behind the audit log's latest entry/,
    /Set the clock right/,
    () => off(-2 * HOUR),
  ],
  [
    'modes',
    'a key that others may read',
    'critical',
    /audit\.key\.json: found mode 0644, needed mode 0600/,
    /chmod 0600 .*audit\.key\.json/,
    (data) => chmodSync(join(data, 'keys', 'audit.key.json'), 0o644),
  ],
  [
    'ports',
    'a port that another process holds',
    'critical',
    /listen\.https 127\.0\.0\.1:\d+ is held by another process: the server does not start/,
    /ss -ltnp.*stop it, or set listen\.https/,
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(ports[0], '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
    },
  ],
  [
    'disk',
    'a disk that is nearly full',
    'critical',
    /5\.0 MiB of 1\.0 GiB are free at .*db/,
    /Make room/,
    () => ({ space: () => Promise.resolve({ free: 5 * 2 ** 20, total: 2 ** 30, files: 10_000 }) }),
  ],
  [
    'audit',
    'an entry that was changed',
    'critical',
    /audit entry 3 is not the one that was written/,
    /restore the newest backup/,
    (data) => edit(data, TAMPER),
  ],
  [
    'key-file',
    'a key-encryption key that is another',
    'critical',
    /kek does not open the keys/,
    /keys\.passphrase in the configuration, or --passphrase-file/,
    (data) => {
      writeFileSync(join(data, 'keys', 'kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
    },
  ],
  [
    'external-url',
    'a name that does not resolve',
    'critical',
    /externalUrl\.https https:\/\/ca\.example\.test:8443: ca\.example\.test does not resolve \(ENOTFOUND\)/,
    /DNS/,
    () => ({
      resolve: (host) =>
        host === 'ca.example.test'
          ? Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
          : Promise.resolve([host]),
    }),
    'externalUrl: { https: "https://ca.example.test:8443" }\n',
  ],
  [
    'revocation',
    'a CRL that ran out',
    'warning',
    /the CRL servers-1\/full and 1 other ran out at 20.*: relying parties that check refuse everything below/,
    /Start the server/,
    (data) => edit(data, crlRow('servers-1', -1, -DAY, -MINUTE) + crlRow('clients-1', 0, -DAY, -SECOND)),
  ],
  [
    'version',
    'a database of a newer release',
    'critical',
    /schema 99, this release \(.*\) knows schemas up to \d+/,
    /newer release/,
    (data) => edit(data, 'PRAGMA user_version = 99'),
  ],
];

const FOREIGN_KEY = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`;

/** Others can reach it. */
const OPEN = `externalUrl: { https: 'https://ca.example.test:8443', status: 'http://ca.example.test:8080' }
`;

/** A CRL on record, by times from now; scope -1 is the complete one. */
const crlRow = (generation: string, scope: number, thisUpdate: number, nextUpdate: number): string =>
  `INSERT INTO published_crls VALUES ('${generation}', ${scope}, '1', ${Date.now() + thisUpdate}, ${Date.now() + nextUpdate}, 0, 0, 'x', x'00', 1);`;

const manifest = (fields: object): string =>
  JSON.stringify({
    version: 1,
    trustDomain: 'example.test',
    writtenAt: '2026-01-01T00:00:00Z',
    files: {},
    ...fields,
  });

const publishing = (data: string, content: string): void => {
  mkdirSync(join(data, '..', 'status'));
  writeFileSync(join(data, '..', 'status', 'manifest.json'), content);
};

const PUBLICATION = 'publication: [{ folder: status }]\n';

type MoreFault = readonly [
  what: string,
  check: CheckId,
  message: RegExp,
  plant: (data: string) => Partial<Surroundings> | void,
  extra?: string,
];

const MORE_FAULTS: readonly MoreFault[] = [
  [
    'a root that is not self-signed',
    'chain',
    /root internal is not signed by its own key/,
    (data) =>
      edit(
        data,
        `UPDATE roots SET certificate = (SELECT certificate FROM generations LIMIT 1) WHERE name = 'internal'`,
      ),
  ],
  [
    'a key of another certificate',
    'chain',
    /workload-1\.key\.json does not belong to the certificate/,
    (data) =>
      edit(
        data,
        `UPDATE generations SET certificate = (SELECT certificate FROM generations WHERE id = 'servers-1') WHERE id = 'workload-1'`,
      ),
  ],
  [
    'a stopped generation',
    'chain',
    /servers-1 is stopped: a self-check failed/,
    (data) => edit(data, `UPDATE generations SET stopped = 'a self-check failed' WHERE id = 'servers-1'`),
  ],
  [
    'a bundle without the root',
    'chain',
    /roots\.pem does not hold the root internal/,
    (data) => writeFileSync(join(data, 'roots.pem'), readFileSync(join(data, 'admin', 'cert.pem'))),
  ],
  ['an admin who expired', 'expiry', /admin certificate .* expired on/, () => off(40 * DAY)],
  ['a clock a minute back', 'clock', /behind the audit log's latest entry/, () => off(-MINUTE)],
  ['a clock that slips', 'clock', /against the monotonic one/, () => ({ monotonic: () => Date.now() * 3 })],
  ['a folder that others may write', 'modes', /others may replace/, (data) => chmodSync(data, 0o777)],
  [
    'a required sink without its folder',
    'audit',
    /\/nonexistent\/audit\.jsonl cannot be reached.*every request is refused/,
    () => undefined,
    'audit: { sinks: [{ file: /nonexistent/audit.jsonl, required: true }] }\n',
  ],
  [
    'a head that vouches for what was cut off',
    'audit',
    /vouches for more than there is/,
    (data) =>
      edit(
        data,
        'DROP TRIGGER audit_entries_never_go; DELETE FROM audit_entries WHERE sequence = (SELECT max(sequence) FROM audit_entries)',
      ),
  ],
  [
    'a foreign audit key',
    'audit',
    /is not signed by .*audit\.pub/,
    (data) => writeFileSync(join(data, 'audit.pub'), FOREIGN_KEY),
  ],
  [
    'a damaged key file',
    'key-file',
    /audit\.key\.json cannot be used/,
    (data) => writeFileSync(join(data, 'keys', 'audit.key.json'), '{}\n'),
  ],
  [
    'a name that leads to loopback alone',
    'external-url',
    /resolves to loopback only \(127\.0\.1\.1\)/,
    () => ({ resolve: () => Promise.resolve(['127.0.1.1']) }),
    OPEN,
  ],
  [
    'a development key off loopback',
    'key-file',
    /the server does not start/,
    () => ({ resolve: () => Promise.resolve(['192.0.2.1']) }),
    OPEN,
  ],
  [
    'a published CRL that ran out',
    'revocation',
    /status: crl\/internal\.crl should have been replaced at 2026-01-02T00:00:00Z, and 1 other/,
    (data) =>
      publishing(
        data,
        manifest({
          files: { 'crl/internal.crl': { sha256: '', nextUpdate: '2026-01-02T00:00:00Z' } },
          ocsp: { certificates: 1, nextUpdate: '2026-01-02T00:00:00Z', covers: {} },
        }),
      ),
    PUBLICATION,
  ],
  [
    'a place of publication that cannot be read',
    'revocation',
    /folder:.*status cannot be read: manifest\.json has over 4194304 octets/,
    (data) => publishing(data, 'x'.repeat(5 * 2 ** 20)),
    PUBLICATION,
  ],
  [
    'a journal that is not configured any more',
    'revocation',
    /the database has the journal abc, and none is configured/,
    (data) => edit(data, `INSERT INTO meta VALUES ('journal', '{"journal":"abc","sequence":1,"hash":""}')`),
  ],
  [
    'a journal that is not mounted',
    'revocation',
    /the journal in \/nonexistent\/journal cannot be written: ENOENT/,
    (data) => edit(data, `INSERT INTO meta VALUES ('journal', '{"journal":"abc","sequence":1,"hash":""}')`),
    'journal: { folder: /nonexistent/journal }\n',
  ],
  [
    'managed certificates that have expired',
    'managed',
    /^a: expired \d+d ago; and 1 other like it$/,
    (data) => {
      for (const name of ['a', 'b'])
        manage(data, name, { certificate: { notBefore: 0, notAfter: Date.now() - 2 * DAY } });
    },
  ],
  [
    'a managed certificate that nobody renewed',
    'managed',
    /^shop: \S+ left, and not renewed$/,
    (data) => manage(data, 'shop', { certificate: { notBefore: 0, notAfter: Date.now() + DAY } }),
  ],
  [
    'a managed certificate without a pair to go back to',
    'managed',
    /^shop: version 1 should have been rolled back$/,
    (data) => manage(data, 'shop', { degradedAt: 1, currentAt: null }),
  ],
  [
    'a target that was given up',
    'managed',
    /^shop: version 1 was given up at here$/,
    (data) =>
      manage(data, 'shop', { deliveries: [{ target: 'here', storedAt: null, deadAt: 1, spec: null }] }),
  ],
  ['an old Node', 'version', /Node 22\.3\.0 is older than 24/, () => ({ nodeVersion: '22.3.0' })],
];

describe('the twelve checks', () => {
  test('are in one table, in the order of their ids, each explained in the documentation', () => {
    expect(CHECKS.map(({ id }) => id)).toEqual([...CHECK_IDS]);
    expect(CHECKS).toHaveLength(12);
    const page = readFileSync(join(ROOT, 'docs', 'reference', 'doctor.md'), 'utf8');
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(
      expect.arrayContaining([...CHECK_IDS]),
    );
  });

  test('find nothing in a sound folder, and leave it as it was', async () => {
    const { data, look } = patient();
    const files = (): string[] => readdirSync(data, { recursive: true, encoding: 'utf8' }).sort();
    const before = files();
    const database = readFileSync(join(data, 'db', 'chancery.db'));
    const findings = await look();
    expect(worse(findings)).toEqual([]);
    expect([...new Set(findings.map(({ check }) => check))]).toEqual([...CHECK_IDS]);
    expect(readFileSync(join(data, 'db', 'chancery.db')).equals(database)).toBe(true);
    expect(files().filter((file) => !/-(wal|shm)$/.test(file))).toEqual(before);
  });

  for (const [check, what, severity, message, fix, plant, extra] of FAULTS)
    test(`${check} finds ${what}, and nobody else finds anything`, async () => {
      const { data, look } = patient(extra);
      const found = worse(await look((await plant(data)) ?? {}));
      const own = found.filter((finding) => finding.check === check && finding.severity === severity);
      expect(own, JSON.stringify(found)).not.toEqual([]);
      expect(own.map((finding) => finding.message).join('\n')).toMatch(message);
      expect(own[0]?.fix).toMatch(fix);
      expect(own[0]?.docs).toBe(`docs/reference/doctor.md#${check}`);
      const others = found.filter((finding) => finding.check !== check).map((finding) => finding.check);
      // certificates end and begin by the same clock
      expect(others.filter((other) => !(check === 'clock' && other === 'expiry'))).toEqual([]);
    });

  for (const [what, check, message, plant, extra] of MORE_FAULTS)
    test(`${check} finds ${what}`, async () => {
      const { data, look } = patient(extra);
      const found = worse(await look(plant(data) ?? {})).filter((finding) => finding.check === check);
      expect(found.map((finding) => finding.message).join('\n')).toMatch(message);
      for (const { fix } of found) expect(fix).not.toBe('');
    });

  test('know what was not published or told to a journal yet, where the server never ran', async () => {
    const { look } = patient(`${PUBLICATION}journal: { folder: /nonexistent/journal }\n`);
    const found = (await look()).filter(({ check }) => check === 'revocation');
    expect(found.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringMatching(/^ok no CRL of an issuer was published yet$/),
      expect.stringMatching(/^info nothing was published to folder:.*status yet: it has no manifest\.json$/),
      'info a journal is configured, and the database has none',
    ]);
  });

  test('leave the CRLs of a generation in peace that is over', async () => {
    const { data, look } = patient();
    edit(data, crlRow('servers-1', -1, -DAY, -MINUTE));
    edit(
      data,
      `UPDATE generations SET certificate = (SELECT certificate FROM generations WHERE id = 'servers-1')`,
    );
    const about = async (by: number) =>
      worse(await look(off(by))).filter(({ check }) => check === 'revocation');
    expect(await about(0)).toHaveLength(1);
    expect(await about(400 * DAY)).toEqual([]);
  });

  test('leave a generation in peace whose successor stands ready, or that was superseded', async () => {
    const { data, look } = patient();
    const copy = (id: string, activated: string) =>
      `INSERT INTO generations (id, issuer, root, number, key_id, certificate, shards, activated_at, prepared_at)
       SELECT issuer || '${id}', issuer, root, ${id.slice(1)}, key_id, certificate, shards, ${activated}, 0 FROM generations WHERE number = 1;`;
    const about = async (by: number) =>
      worse(await look(off(by)))
        .filter(({ message }) => message.includes('generation'))
        .map(({ message }) => message);
    expect(await about(270 * DAY)).toHaveLength(3);
    edit(data, copy('-2', 'NULL'));
    expect(await about(270 * DAY)).toEqual([]);
    expect(await about(340 * DAY)).toHaveLength(3);
    edit(data, `UPDATE generations SET activated_at = 0 WHERE number = 2; ${copy('-3', 'NULL')}`);
    expect((await about(340 * DAY)).join()).toMatch(/generation workload-2 /);
    expect((await about(340 * DAY)).join()).not.toMatch(/generation workload-1 /);
  });

  test('do not miss the key of an offline root, but its CRL', async () => {
    const { data, look } = patient();
    edit(data, `UPDATE roots SET key_id = '' WHERE name = 'internal'`);
    rmSync(join(data, 'keys', 'root-internal.key.json'));
    expect(worse(await look())).toEqual([]);
    edit(
      data,
      `INSERT OR REPLACE INTO root_crls VALUES ('internal', '1', ${Date.now() - 30 * DAY}, ${Date.now() - HOUR}, x'00')`,
    );
    expect(worse(await look())).toMatchObject([
      {
        check: 'expiry',
        severity: 'critical',
        message: expect.stringMatching(/^the CRL of the root internal expired on/) as string,
        fix: expect.stringMatching(/ca sign-crl.*ca import-crl/) as string,
      },
    ]);
  });

  test('leave managed certificates in peace that are well, and what was delivered to a target that is gone', async () => {
    const { data, look } = patient();
    manage(data, 'shop', { deliveries: [{ target: 'gone', storedAt: null, deadAt: 1, spec: null }] });
    // 8 % are left, and it is to be renewed when 10 % are
    const certificate = { notBefore: Date.now() - 92 * DAY, notAfter: Date.now() + 8 * DAY };
    manage(data, 'tardy', { certificate });
    const found = (await look()).filter(({ check }) => check === 'managed');
    expect(found).toMatchObject([{ severity: 'ok', message: '2 managed certificates' }]);
  });

  test('say what they can about a database that is no database', async () => {
    const { data, look } = patient();
    writeFileSync(join(data, 'db', 'chancery.db'), 'nothing of the kind'.repeat(1000));
    const found = worse(await look());
    expect(found.map(({ check }) => check)).toEqual(['chain']);
    expect(found[0]?.message).toMatch(/damaged, or not a database/);
  });

  test('check the newest 10,000 audit entries, and no more', async () => {
    const { data, look } = patient();
    edit(data, TAMPER);
    edit(
      data,
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005)
       INSERT INTO audit_entries SELECT i + (SELECT max(sequence) FROM audit_entries), 'x', x'00', 0 FROM n`,
    );
    const found = worse(await look());
    // the tampered entry 3 is older; what is broken among the newest is told instead
    expect(found[0]?.message).not.toContain('entry 3 ');
    expect(found[0]?.message).toMatch(/audit entry \d+ is not the one/);
  });

  test('refuse a folder without an authority', async () => {
    const { data, look } = patient();
    rmSync(join(data, 'client.yaml'));
    expect((await refusalOfAsync(() => look())).code).toBe('no_authority');
  });
});

describe('beside a running server', () => {
  test(
    'all is well, and a server that was started with another configuration is found',
    async () => {
      const running = await startTestServer();
      onTestFinished(() => running.stop());
      const config = join(running.data, '..', 'chancery.yaml');
      const options = { data: running.data, config, env: {}, cwd: tmpdir(), say: () => undefined };
      const audited = (): number => {
        const database = new Database(join(running.data, 'db', 'chancery.db'), { readonly: true });
        const count = database.prepare('SELECT max(sequence) FROM audit_entries').pluck().get() as number;
        database.close();
        return count;
      };
      const before = audited();
      const findings = await examine(options);
      expect(worse(findings)).toEqual([]);
      expect(findings.find(({ check }) => check === 'ports')?.message).toMatch(
        /held by the server of this folder/,
      );
      expect(findings.find(({ check }) => check === 'external-url')?.message).toMatch(/lead to this server/);
      expect(findings.find(({ check }) => check === 'version')?.message).toMatch(
        /the server that runs is the same/,
      );
      expect(audited()).toBe(before);

      const newer = worse(await examine(options, { version: '9.9.9' }));
      expect(newer.map(({ check, severity, message }) => [check, severity, message])).toEqual([
        ['version', 'warning', 'the server that runs is release 0.1.0, this is 9.9.9'],
      ]);

      const bundle = readFileSync(join(running.data, 'roots.pem'));
      const other = readFileSync(join(template, 'data', 'roots.pem'));
      writeFileSync(join(running.data, 'roots.pem'), other);
      const untrusted = worse(await examine(options));
      expect(untrusted.find(({ check }) => check === 'external-url')?.message).toMatch(
        /clients of this server refuse/,
      );
      writeFileSync(join(running.data, 'roots.pem'), bundle);

      const [free] = await freePorts(1);
      writeFileSync(
        config,
        readFileSync(config, 'utf8').replace(/metrics: "[^"]*"/, `metrics: "127.0.0.1:${free}"`),
      );
      const changed = worse(await examine(options));
      expect(changed).toMatchObject([{ check: 'ports', severity: 'warning' }]);
      expect(changed[0]?.message).toMatch(/the server runs, and nothing listens there/);
      expect(existsSync(join(running.data, 'run', 'server.pid'))).toBe(true);
    },
    30 * SECOND,
  );
});
