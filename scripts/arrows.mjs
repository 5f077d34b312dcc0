// Holds the imports of src/ against .dependency-cruiser.cjs. `node scripts/arrows.mjs [FOLDER]`: another copy of the house.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { continueUnderNode24, ROOT } from './node24.mjs';

await continueUnderNode24();
process.chdir(resolve(process.argv[2] ?? ROOT));

const { cruise } = await import('dependency-cruiser');
const { default: extractOptions } = await import('dependency-cruiser/config-utl/extract-depcruise-options');
const { default: extractTypeScript } = await import('dependency-cruiser/config-utl/extract-ts-config');

const options = await extractOptions(join(process.cwd(), '.dependency-cruiser.cjs'));
const roots = ['src', 'scripts/generate.ts'].filter((path) => existsSync(path));
const { output } = await cruise(roots, { ...options, validate: true }, undefined, {
  tsConfig: extractTypeScript(join(process.cwd(), 'tsconfig.json')),
});

const { violations, totalCruised, totalDependenciesCruised } = output.summary;
for (const { rule, from, to, cycle } of violations) {
  const comment =
    output.summary.ruleSetUsed?.forbidden?.find(({ name }) => name === rule.name)?.comment ?? '';
  const route = cycle === undefined ? to : cycle.map(({ name }) => name).join(' → ');
  console.log(`${rule.name}: ${from}${route === from ? '' : ` → ${route}`}\n    ${comment}`);
}
console.log(`${totalCruised} modules, ${totalDependenciesCruised} imports, ${violations.length} wrong`);
// an unreadable TypeScript has made this look at nothing and be content
if (totalCruised === 0 || totalDependenciesCruised === 0)
  console.log('nothing was looked at: this is a failure');
process.exitCode = violations.length > 0 || totalCruised === 0 || totalDependenciesCruised === 0 ? 1 : 0;
