import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY, temporaryFolder } from './temporary-folder.ts';

/** A small house in good order, one file a room. */
const HOUSE: Readonly<Record<string, string>> = {
  'src/cli.ts': `import 'commander'; import './cli/cert.ts'; await import('./server.ts');`,
  'src/cli/cert.ts': `import '../x509/der.ts'; import '../config/load.ts'; import '../api/routes.ts';`,
  'src/server.ts': `import './server/start.ts';`,
  'src/server/start.ts': `import '../http/admin/sign.ts'; import '../http/status/crl.ts'; import '../db/sqlite/rows.ts'; import '../keys/software/sign.ts'; import '../domain/acme/order.ts'; import '../domain/revocation/revoke.ts'; import '../domain/path/validate.ts';`,
  'src/base/clock.ts': `export const SECOND = 1000;`,
  'src/x509/der.ts': `import '../base/clock.ts'; import 'node:crypto'; import 'pkijs';`,
  'src/config/load.ts': `import 'yaml'; import '../domain/identity/grant.ts';`,
  'src/api/routes.ts': `import 'zod';`,
  'src/domain/identity/grant.ts': `import '../../base/clock.ts'; import type { KeyObject } from 'node:crypto'; export const key = {} as KeyObject;`,
  'src/domain/path/validate.ts': `import '../identity/grant.ts'; import '../../x509/der.ts';`,
  'src/domain/audit/entry.ts': `import '../../base/clock.ts';`,
  'src/domain/issuance/issue.ts': `import '../identity/grant.ts'; import '../audit/entry.ts';`,
  'src/domain/acme/order.ts': `import '../issuance/issue.ts';`,
  'src/domain/revocation/revoke.ts': `import '../issuance/issue.ts';`,
  'src/http/admin/sign.ts': `import 'express'; import '../../domain/issuance/issue.ts'; import '../../api/routes.ts';`,
  'src/http/status/crl.ts': `import '../../domain/issuance/issue.ts';`,
  'src/db/sqlite/rows.ts': `import 'better-sqlite3'; import '../../domain/issuance/issue.ts';`,
  'src/keys/software/sign.ts': `import '../../domain/issuance/issue.ts'; import 'node:fs';`,
};

/** What some of the wrong imports below lead to. */
const FURTHER: Readonly<Record<string, string>> = {
  'src/s3/sign.ts': `import '../base/clock.ts';`,
  'src/db/sqlite/two.ts': `import './one.ts';`,
  'test/fakes/clock.ts': '',
};

/** [rule, file with one import too many, that import] */
const WRONG: readonly (readonly [rule: string, file: string, code: string])[] = [
  ['known-rooms', 'src/utils/strings.ts', `import '../base/clock.ts';`],
  ['known-domain-rooms', 'src/domain/misc/strings.ts', `import '../../base/clock.ts';`],
  ['base-is-the-floor', 'src/base/random.ts', `import 'node:crypto';`],
  ['base-is-the-floor', 'src/base/log.ts', `import '../x509/der.ts';`],
  ['x509-is-a-codec', 'src/x509/csr.ts', `import '../domain/identity/grant.ts';`],
  ['x509-does-no-io', 'src/x509/pem.ts', `import 'node:fs';`],
  ['domain-is-pure', 'src/domain/issuance/sign.ts', `import '../../keys/software/sign.ts';`],
  [
    'domain-is-pure',
    'src/domain/issuance/form.ts',
    `import type { ZodType } from 'zod'; export type Form = ZodType;`,
  ],
  ['domain-is-pure', 'src/domain/issuance/settings.ts', `import type {} from '../../config/load.ts';`],
  [
    'domain-does-no-io',
    'src/domain/audit/hash.ts',
    `import { createHash } from 'node:crypto'; createHash('sha256');`,
  ],
  ['config-parses-only', 'src/config/open.ts', `import '../db/sqlite/rows.ts';`],
  ['api-is-types', 'src/api/issue.ts', `import '../domain/issuance/issue.ts';`],
  ['edges-are-islands', 'src/http/admin/list.ts', `import '../../db/sqlite/rows.ts';`],
  ['edges-are-islands', 'src/keys/software/log.ts', `import type {} from '../../http/admin/sign.ts';`],
  ['backends-are-islands', 'src/http/admin/crl.ts', `import '../status/crl.ts';`],
  ['clients-are-below', 'src/s3/client.ts', `import '../domain/identity/grant.ts';`],
  ['only-stores-speak-s3', 'src/keys/software/bucket.ts', `import '../../s3/sign.ts';`],
  ['sdk-stands-alone', 'src/sdk/agent.ts', `import '../base/clock.ts';`],
  ['ui-sees-only-the-api', 'src/ui/page.ts', `import '../base/clock.ts';`],
  ['identity-and-audit-are-below', 'src/domain/identity/ask.ts', `import '../issuance/issue.ts';`],
  ['identity-and-audit-are-below', 'src/domain/audit/path.ts', `import '../path/validate.ts';`],
  ['path-knows-identity', 'src/domain/path/audit.ts', `import '../audit/entry.ts';`],
  ['issuance-is-below', 'src/domain/issuance/order.ts', `import '../acme/order.ts';`],
  ['doors-are-siblings', 'src/domain/revocation/order.ts', `import type {} from '../acme/order.ts';`],
  ['only-programs-wire', 'src/telemetry/restart.ts', `import '../server/start.ts';`],
  ['server-knows-no-client', 'src/server/verbs.ts', `import '../cli/cert.ts';`],
  ['verbs-use-the-api', 'src/cli/direct.ts', `import '../db/sqlite/rows.ts';`],
  ['src-stands-alone', 'src/http/admin/fake.ts', `import '../../../test/fakes/clock.ts';`],
  ['x509-owns-asn1', 'src/http/admin/read.ts', `import 'pkijs';`],
  ['http-owns-express', 'src/telemetry/serve.ts', `import 'express';`],
  ['db-owns-sqlite', 'src/telemetry/store.ts', `import 'better-sqlite3';`],
  ['acme-client-owns-its-package', 'src/scheduler/order.ts', `import 'acme-client';`],
  ['cli-owns-commander', 'src/server/flags.ts', `import 'commander';`],
  ['declared-packages', 'src/telemetry/check.ts', `import 'fast-check';`],
  ['no-cycle', 'src/db/sqlite/one.ts', `import type {} from './two.ts';`],
  ['resolvable', 'src/db/sqlite/lost.ts', `import './nowhere.ts';`],
  ['no-orphan', 'src/db/sqlite/alone.ts', `export const alone = 1;`],
  ['reachable', 'src/db/sqlite/unused.ts', `import './rows.ts';`],
];

function build(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const name of ['.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
    copyFileSync(join(REPOSITORY, name), join(folder, name));
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, code] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
  return folder;
}

function arrows(folder: string): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, [join(REPOSITORY, 'scripts/arrows.mjs'), folder], { encoding: 'utf8' });
}

/** `rule: file` of each line that names a wrong import. */
const findings = (stdout: string): string[] =>
  [...stdout.matchAll(/^(\S+): (\S+)/gm)].map(([, rule, file]) => `${rule}: ${file}`);

describe('the arrows between rooms', () => {
  test('hold in a house in good order', () => {
    const { status, stdout } = arrows(build(HOUSE));
    expect(findings(stdout)).toEqual([]);
    expect(status).toBe(0);
  });

  test('each wrong import is caught by its own rule', () => {
    const planted = Object.fromEntries(WRONG.map(([, file, code]) => [file, code]));
    const wired = WRONG.filter(([rule]) => rule !== 'reachable' && rule !== 'no-orphan').map(
      ([, file]) => file,
    );
    const wire = (program: string, files: readonly string[]) =>
      [HOUSE[program], ...files.map((file) => `import './${file.slice('src/'.length)}';`)].join('\n');
    const isVerb = (file: string): boolean => file.startsWith('src/cli/');
    const { status, stdout } = arrows(
      build({
        ...HOUSE,
        ...FURTHER,
        ...planted,
        'src/cli.ts': wire('src/cli.ts', wired.filter(isVerb)),
        'src/server.ts': wire(
          'src/server.ts',
          wired.filter((file) => !isVerb(file)),
        ),
      }),
    );
    expect(status).toBe(1);
    const found = new Set(findings(stdout));
    expect(WRONG.map(([rule, file]) => `${rule}: ${file}`).filter((line) => !found.has(line))).toEqual([]);
    // and nobody else is blamed, but for what is wrong twice
    const blamed = new Set(WRONG.map(([, file]) => file));
    expect([...found].filter((line) => !blamed.has(line.slice(line.indexOf(' ') + 1)))).toEqual([]);
  });

  test('an empty house is a failure, not a success', () => {
    expect(arrows(build({ 'src/readme.md': '' })).status).toBe(1);
  });
});
