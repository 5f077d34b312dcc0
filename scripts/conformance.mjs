// `npm run conformance`: runs the tests that show each MUST of ACME's RFCs, and writes what the runner reports to
// docs/reference/acme-conformance.json and .md. Fails where one failed or is shown by nothing.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { continueUnderNode24, ROOT } from './node24.mjs';

await continueUnderNode24();
const { RESULTS, run } = await import('./checks.mjs');
const { asJson, asPage, JSON_FILE, PAGE, report, testFiles } = await import('../test/conformance/report.ts');

const MINUTE = 60_000;
const file = join(RESULTS, 'vitest-conformance.json');
mkdirSync(RESULTS, { recursive: true });
rmSync(file, { force: true });
const { output } = await run(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${file}`, ...testFiles()],
  { deadline: 5 * MINUTE },
);
let results;
try {
  results = JSON.parse(readFileSync(file, 'utf8')).testResults;
} catch {
  console.error(`the tests did not run:\n${output}`);
  process.exit(1);
}
const ran = results.flatMap(({ name, assertionResults }) =>
  assertionResults.map(({ title, status }) => ({ file: relative(ROOT, name), title, status })),
);
const requirements = report(ran);
writeFileSync(join(ROOT, JSON_FILE), await asJson(requirements));
writeFileSync(join(ROOT, PAGE), await asPage(requirements));
const bad = requirements.filter(({ status }) => status !== 'passed');
for (const { rfc, section, must, status, tests } of bad) {
  console.error(`${status}: RFC ${rfc} ${section}: ${must}`);
  for (const { file: where, title, cases, passed } of tests)
    if (cases === 0 || passed < cases) console.error(`    ${passed} of ${cases}: ${where}: ${title}`);
}
console.log(`${requirements.length - bad.length} passed, ${bad.length} failed`);
process.exitCode = bad.length === 0 ? 0 : 1;
