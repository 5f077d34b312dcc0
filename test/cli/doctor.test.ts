import { expect, test } from 'vitest';
import type { Finding, LocalPrograms } from '../../src/cli/session.ts';
import { chancery } from './run.ts';

const finding = (check: string, severity: Finding['severity'], fix?: string): Finding => ({
  check,
  severity,
  message: `what ${check} found`,
  ...(fix !== undefined && { fix }),
  docs: `docs/reference/doctor.md#${check}`,
});

const doctor = (findings: readonly Finding[], ...args: readonly string[]) =>
  chancery(['doctor', '--data', 'D', ...args], {
    programs: { examine: () => Promise.resolve(findings) } as unknown as LocalPrograms,
  });

const FINE = finding('chain', 'ok');
const KNOWN = finding('ports', 'info', 'Nothing to do.');
const SOON = finding('disk', 'warning', 'Make room.');
const BROKEN = finding('modes', 'critical', 'chmod 0600 F');

test.each<[number, readonly Finding[]]>([
  [0, [FINE]],
  [0, [FINE, KNOWN]],
  [3, [FINE, SOON, KNOWN]],
  [2, [BROKEN, FINE]],
  [2, [SOON, BROKEN]],
])('the worst finding decides: exit code %i', async (code, findings) => {
  for (const mode of ['table', 'json', 'name']) expect((await doctor(findings, '-o', mode)).exit).toBe(code);
});

test('people read a table, and below it what mends what', async () => {
  const { stdout, stderr } = await doctor([FINE, SOON, BROKEN]);
  expect(stderr).toBe('');
  expect(stdout).toBe(
    [
      'CHECK  SEVERITY  FOUND',
      'chain  ok        what chain found',
      'disk   warning   what disk found',
      'modes  critical  what modes found',
      '',
      'disk: Make room.',
      '  docs/reference/doctor.md#disk',
      '',
      'modes: chmod 0600 F',
      '  docs/reference/doctor.md#modes',
      '',
    ].join('\n'),
  );
});

test('programs read the list of findings', async () => {
  const { stdout } = await doctor([FINE, SOON], '-o', 'json');
  expect(JSON.parse(stdout)).toEqual([FINE, SOON]);
});
