/** docs/reference/acme-conformance.* are what `npm run conformance` wrote, and fit the tests that there are now. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  asJson,
  asPage,
  JSON_FILE,
  PAGE,
  recorded,
  report,
  REQUIREMENTS,
  ROOT,
  statusOf,
  titlePattern,
} from '../conformance/report.ts';
import { readPage } from './pages.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

describe('the conformance report', () => {
  it('has a line for every MUST, in order, with the tests of now', () => {
    const plain = recorded().map(({ tests, status: _status, ...rest }) => ({
      ...rest,
      tests: tests.map(({ cases: _cases, passed: _passed, ...title }) => title),
    }));
    expect(plain).toEqual(REQUIREMENTS);
  });

  it('every MUST is shown by tests that passed', () => {
    for (const { rfc, section, must, status, tests } of recorded()) {
      expect(tests, `RFC ${rfc} ${section}: ${must}`).not.toEqual([]);
      expect([statusOf(tests), status], `RFC ${rfc} ${section}: ${must}`).toEqual(['passed', 'passed']);
    }
  });

  it('every title stands in its file', () => {
    const missing = REQUIREMENTS.flatMap(({ tests }) => tests).filter(({ file, title, source = file }) => {
      const text = read(source);
      return !["'", '`'].some((quote) => text.includes(`${quote}${title}${quote}`));
    });
    expect(missing).toEqual([]);
  });

  it('page and JSON are of one run', async () => {
    expect(read(JSON_FILE)).toBe(await asJson(recorded()));
    expect(read(PAGE)).toBe(await asPage(recorded()));
  });

  it('every departure has a row in docs/divergences.md', () => {
    const rows = readPage('docs/divergences.md').split('\n');
    for (const { rfc, section, departure } of REQUIREMENTS)
      if (departure !== undefined)
        expect(
          rows.some((line) =>
            new RegExp(`^\\| RFC ${rfc} [^|]*\\b${section.replaceAll('.', '\\.')}\\b`).test(line),
          ),
          `RFC ${rfc} ${section}: ${departure}`,
        ).toBe(true);
  });
});

describe('a MUST', () => {
  const test = { file: 'a.test.ts', title: 'x %s and ${y} (z)' };
  const must = { rfc: 1, section: '1', must: 'be', tests: [test] };
  const ran = (title: string, status = 'passed') => ({ file: 'a.test.ts', title, status });

  it('is not tested where a title is that of no test, or there is none', () => {
    expect(report([ran('x 1 and 2')], [must])[0]?.status).toBe('not tested');
    expect(report([], [{ ...must, tests: [] }])[0]?.status).toBe('not tested');
  });

  it('failed where one of its cases did, or was skipped', () => {
    const cases = [ran('x 1 and 2 (z)'), ran('x 3 and 4 (z)', 'pending')];
    expect(report(cases, [must])[0]).toMatchObject({ status: 'failed', tests: [{ cases: 2, passed: 1 }] });
    expect(report(cases.slice(0, 1), [must])[0]?.status).toBe('passed');
  });

  it('is matched as a whole', () => {
    expect(titlePattern('a.b %s').test('aXb c')).toBe(false);
    expect(titlePattern('RFC 1: %s').test('see RFC 1: a')).toBe(false);
  });
});
