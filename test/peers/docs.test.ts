/** Pages whose commands need openssl(1): typed as they stand, as test/docs does with the others. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pages } from '../docs/pages.ts';
import { needsPeers, runPage, type SharedServer, startShared } from '../docs/run-page.ts';

const withOpenssl = pages().filter(needsPeers);

describe('commands of the documentation with openssl(1)', () => {
  let shared: SharedServer;
  beforeAll(async () => {
    shared = await startShared();
  });
  afterAll(async () => {
    await shared.program.stop();
    rmSync(shared.folder, { recursive: true, force: true });
  });

  it('there are some', () => {
    expect(withOpenssl).toContain('docs/how-to/issue-from-a-csr.md');
  });

  it.each(withOpenssl)('%s', (path) => runPage(path, shared), 120_000);
});
