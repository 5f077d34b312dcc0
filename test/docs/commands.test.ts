/** Every command of the pages runs, in order, and does what the page shows below it. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consoleCommands, fences, pages, readPage, tableRows } from './pages.ts';
import { isRun, needsPeers, runPage, type SharedServer, startShared } from './run-page.ts';
import { missingLine } from './shell.ts';

/** Fences that hold no commands. */
const OTHER_LANGUAGES = ['text', 'yaml', 'js', 'ts', 'json', 'ini', 'nginx', 'haproxy'];

/** Milliseconds for a page on a slow machine. */
const PATIENCE = 120_000;

const withCommands = pages().filter((path) => fences(readPage(path)).some(isRun));

describe('commands of the documentation', () => {
  let shared: SharedServer;
  beforeAll(async () => {
    shared = await startShared();
  });
  afterAll(async () => {
    const code = await shared.program.stop();
    rmSync(shared.folder, { recursive: true, force: true });
    expect(code).toBe(0);
  });

  it.concurrent.each(withCommands.filter((path) => !needsPeers(path)))(
    '%s',
    (path) => runPage(path, shared),
    PATIENCE,
  );

  it('docs/reference/files.md has every file of the data folder, with its mode', () => {
    const shown = tableRows('docs/reference/files.md', 'The data folder').map(([path, mode]) => [path, mode]);
    const found = readdirSync(shared.data, { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.startsWith('dev/'))
      .map((path) => [path, statSync(join(shared.data, path))] as const)
      // a file for each number: they come and go
      .map(
        ([path, stats]) =>
          [path.replace(/^crl\/[a-z]+-\d+\/(?:full|\d+)-\d+\.crl$/, 'crl/*/*.crl'), stats] as const,
      )
      .map(([path, stats]) => [
        stats.isDirectory() ? `${path}/` : path,
        (stats.mode & 0o7777).toString(8).padStart(4, '0'),
      ]);
    expect(shown.slice(1).sort()).toEqual(
      [...new Map(found.map((row) => [row.join(' '), row])).values()].sort(),
    );
  });
});

describe('the runner', () => {
  it('finds the pages that begin it all', () => {
    expect(withCommands).toEqual(expect.arrayContaining(['README.md', 'docs/tutorial/first-mtls-call.md']));
  });

  it.each(pages())('knows the language of every fence of %s', (path) => {
    for (const fence of fences(readPage(path)))
      if (!isRun(fence)) expect(OTHER_LANGUAGES, `line ${fence.line}`).toContain(fence.language);
  });

  it('splits commands from what they print', () => {
    const [fence] = fences('```console\n$ one \\\n> two\nsaid\n$ three\n```\n');
    expect(fence && consoleCommands(fence)).toEqual([
      { line: 2, text: 'one \\\ntwo', output: ['said'] },
      { line: 5, text: 'three', output: [] },
    ]);
  });

  it('notices a line that is not said, or less often', () => {
    expect(
      missingLine(
        ['  serial  0123456789abcdef0', '…', 'done in 3s'],
        'serial aaaabbbbccccdddd\nx\ndone in 59m58s',
      ),
    ).toBe(undefined);
    expect(missingLine(['a', 'b', 'a'], 'b\na')).toBe('a');
    expect(missingLine(['allowed'], 'refused')).toBe('allowed');
  });
});
