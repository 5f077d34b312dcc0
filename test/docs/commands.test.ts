/** Every command of the pages runs, in order, and does what the page shows below it. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consoleCommands, fences, pages, readPage, tableRows } from './pages.ts';
import { isRun, makeCheckout, needsPeers, runPage, type SharedServer, startShared } from './run-page.ts';
import { environment, makeTools, missingLine, Shell } from './shell.ts';

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

  it(
    'the start page: what it says to type works',
    async () => {
      const page = await startPage(shared);
      const commands = Array.from(page.matchAll(/<pre><code>([^<]+)</g), ([, command = '']) => command);
      const folder = join(shared.folder, 'start-page');
      const checkout = makeCheckout(join(folder, 'checkout'));
      const shell = new Shell(checkout, environment(folder, makeTools(join(folder, 'tools')), undefined));
      try {
        const codes: [string | undefined, number][] = [];
        for (const command of commands) {
          const { code } = await shell.run(command);
          codes.push([/chancery (\S+ \S+)/.exec(command)?.[1], code]);
        }
        expect(codes).toEqual([
          ['cert issue', 0],
          ['grant explain', 3],
          ['cert revoke', 0],
          ['managed list', 0],
          ['audit list', 0],
        ]);
      } finally {
        shell.end();
      }
    },
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

/** As a browser gets it. */
async function startPage({ data, places }: SharedServer): Promise<string> {
  const host = places.find(([written]) => written === 'localhost:8443')?.[1] ?? '';
  const ca = readFileSync(join(data, 'roots.pem'));
  return new Promise((resolve, reject) => {
    get(`https://${host}/`, { ca }, (response) => void text(response).then(resolve, reject)).on(
      'error',
      reject,
    );
  });
}

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
