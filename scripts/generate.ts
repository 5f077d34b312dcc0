/** Writes the generated files, or with --check says which of them are out of date (exit 1). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { renderReference } from '../src/config/index.ts';
import { renderOpenApi } from './openapi.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const FILES: Readonly<Record<string, () => string | Promise<string>>> = {
  'openapi.yaml': () => renderOpenApi(version),
  'docs/reference/configuration.yaml': renderReference,
};

let stale = 0;
for (const [path, render] of Object.entries(FILES)) {
  const text = await render();
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  if (process.argv.includes('--check')) {
    stale++;
    process.stderr.write(`${path} is out of date: npm run generate\n`);
  } else writeFileSync(path, text);
}
process.exitCode = stale === 0 ? 0 : 1;
