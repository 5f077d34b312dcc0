/** The conformance report: what every MUST is shown by, and whether that passed, as JSON and as a page. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { format } from 'prettier';
import { ADDRESSES, RENEWAL, TLS_ALPN } from './others.ts';
import type { Requirement, TestTitle } from './requirement.ts';
import { MESSAGES } from './rfc8555-messages.ts';
import { RESOURCES } from './rfc8555-resources.ts';

export const ROOT = join(import.meta.dirname, '../..');
export const JSON_FILE = 'docs/reference/acme-conformance.json';
export const PAGE = 'docs/reference/acme-conformance.md';

export const REQUIREMENTS: readonly Requirement[] = [
  ...MESSAGES,
  ...RESOURCES,
  ...TLS_ALPN,
  ...ADDRESSES,
  ...RENEWAL,
];

const NAMES: Readonly<Record<number, string>> = {
  8555: 'Automatic Certificate Management Environment (ACME)',
  8737: 'TLS ALPN challenge',
  8738: 'IP identifiers',
  9773: 'Renewal information (ARI)',
};

export const testFiles = (): string[] => [
  ...new Set(REQUIREMENTS.flatMap(({ tests }) => tests.map(({ file }) => file))),
];

/** What Vitest's JSON reporter says of a test. */
export interface RanTest {
  readonly file: string;
  readonly title: string;
  readonly status: string;
}

export interface ReportedTest extends TestTitle {
  /** How many tests have the title: of a table, its rows. */
  readonly cases: number;
  readonly passed: number;
}

export interface ReportedRequirement extends Omit<Requirement, 'tests'> {
  readonly status: 'passed' | 'failed' | 'not tested';
  readonly tests: readonly ReportedTest[];
}

const PLACEHOLDER = /%[sdifjo]|\\\$\\\{[^}]*\\\}/g;

/** The titles that a title of the source becomes. */
export const titlePattern = (title: string): RegExp =>
  new RegExp(`^${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(PLACEHOLDER, '.*')}$`, 's');

export function report(
  ran: readonly RanTest[],
  requirements: readonly Requirement[] = REQUIREMENTS,
): ReportedRequirement[] {
  return requirements.map(({ tests, ...rest }) => {
    const counted = tests.map((one): ReportedTest => {
      const { file, title } = one;
      const pattern = titlePattern(title);
      const mine = ran.filter((test) => test.file === file && pattern.test(test.title));
      return {
        ...one,
        cases: mine.length,
        passed: mine.filter(({ status }) => status === 'passed').length,
      };
    });
    return { ...rest, status: statusOf(counted), tests: counted };
  });
}

/** A title that nothing ran under shows nothing, whatever the others do. */
export function statusOf(tests: readonly ReportedTest[]): ReportedRequirement['status'] {
  if (tests.length === 0 || tests.some(({ cases }) => cases === 0)) return 'not tested';
  return tests.every(({ cases, passed }) => cases === passed) ? 'passed' : 'failed';
}

export const asJson = (requirements: readonly ReportedRequirement[]): Promise<string> =>
  format(JSON.stringify({ requirements }), { parser: 'json', printWidth: 110 });

export async function asPage(requirements: readonly ReportedRequirement[]): Promise<string> {
  const options = { ...(await prettierOptions()), parser: 'markdown' };
  const passed = requirements.filter(({ status }) => status === 'passed').length;
  const sections = Object.entries(NAMES).map(([rfc, name]) => {
    const mine = requirements.filter((one) => String(one.rfc) === rfc);
    return `## RFC ${rfc}: ${name}

| section | a server must | shown by | status |
| --- | --- | --- | --- |
${mine.map(row).join('\n')}
`;
  });
  return format(
    `# ACME conformance

Every MUST (and SHALL and REQUIRED) that binds a server in the RFCs of ACME, in few words of our own, with the tests that
show it. \`npm run conformance\` runs them, and writes this page and [the same as JSON](acme-conformance.json) from what
the test runner reports; a MUST that nothing shows is a failure. Behind a test stands how many cases it has. What is not
followed to the letter is in italics, with its reason among the [departures from the standards](../divergences.md).

${passed} of ${requirements.length} passed.

${sections.join('\n')}`,
    options,
  );
}

function row({ section, must, tests, status, departure }: ReportedRequirement): string {
  const shown = tests.map(
    ({ file, title, cases }) =>
      `[${basename(file, '.test.ts')}](../../${file}) \`${title}\`${cases > 1 ? ` (${cases})` : ''}`,
  );
  const words = departure === undefined ? must : `${must}. _${departure}_`;
  return `| ${section} | ${words.replaceAll('*.', '\\*.')} | ${shown.join('<br>')} | ${status} |`;
}

async function prettierOptions(): Promise<object> {
  const { resolveConfig } = await import('prettier');
  return (await resolveConfig(join(ROOT, PAGE))) ?? {};
}

export const recorded = (): ReportedRequirement[] =>
  (JSON.parse(readFileSync(join(ROOT, JSON_FILE), 'utf8')) as { requirements: ReportedRequirement[] })
    .requirements;
