import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from './temporary-folder.ts';

const SUPPRESSION = /(?:eslint-disable[\w-]*|@ts-expect-error|gitleaks:allow)(.*)/;

test('who switches a rule off says why, after two dashes', async () => {
  const silent: string[] = [];
  for await (const path of glob(['{src,test,scripts,examples}/**/*.{ts,mjs}', '*.{ts,js,cjs}'], {
    cwd: REPOSITORY,
  })) {
    if (path === 'test/house/exceptions.test.ts') continue;
    for (const [index, line] of readFileSync(join(REPOSITORY, path), 'utf8').split('\n').entries()) {
      const found = SUPPRESSION.exec(line);
      if (found !== null && !/-- \S/.test(found[1] ?? ''))
        silent.push(`${path}:${index + 1}: ${line.trim()}`);
    }
  }
  expect(silent).toEqual([]);
});
