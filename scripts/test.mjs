// `npm test`: types, lint, layout, arrows, then the tests that need nothing but this repository.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { continueUnderNode24, ROOT } from './node24.mjs';

await continueUnderNode24();
const { Tally } = await import('./checks.mjs');

const MINUTE = 60_000;
const node = process.execPath;

/** TypeScript 7 gives the same errors in a fifth of the time, where it has a binary for this machine. */
function typeChecker() {
  const require = createRequire(`${ROOT}/node_modules/ts7/package.json`);
  try {
    require.resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`);
    return 'node_modules/ts7/bin/tsc';
  } catch {
    return 'node_modules/typescript/bin/tsc';
  }
}

const start = performance.now();
const tally = new Tally('test');
const options = { deadline: 4 * MINUTE };

// two at a time, as most machines that run this have two cores; the tests get the machine for themselves
await Promise.all([
  tally.check('eslint', node, ['node_modules/eslint/bin/eslint.js', '.'], { ...options, show: /warning/ }),
  (async () => {
    await tally.check('types', node, [typeChecker(), '-p', 'tsconfig.json', '--noEmit'], options);
    await tally.check('arrows', node, ['scripts/arrows.mjs'], options);
    await tally.check(
      'prettier',
      node,
      ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
      options,
    );
    if (existsSync(`${ROOT}/scripts/generate.ts`)) {
      await tally.check('generated files', node, ['scripts/generate.ts', '--check'], options);
    }
  })(),
]);
await tally.vitest('test', [], { deadline: 9 * MINUTE });
tally.finish(start);
