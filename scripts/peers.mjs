// `npm run test:peers`: the tests that run against other people's programs. Installs those programs (scripts/peers/,
// a file each); one that cannot be had is a failure, since an absent judge proves nothing.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { continueUnderNode24, ROOT } from './node24.mjs';

await continueUnderNode24();
const { Tally } = await import('./checks.mjs');

const MINUTE = 60_000;
const start = performance.now();
const tally = new Tally('peers');

const folder = join(ROOT, 'scripts/peers');
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.mjs'))
  .sort()) {
  const { peer } = await import(join(folder, file));
  let reason = '';
  if (!peer.present()) {
    console.log(`installing ${peer.name}`);
    try {
      await peer.install();
    } catch (error) {
      reason = error.message;
    }
  }
  tally.count(`peer ${peer.name}`, peer.present(), reason);
}

if (existsSync(join(ROOT, '.git'))) {
  const args = ['git', '--no-banner', '--no-color', '--redact', '--verbose', '--log-level', 'warn', '.'];
  await tally.check('no secret in history', 'gitleaks', args, { deadline: 3 * MINUTE });
}
await tally.vitest('peers', ['--mode', 'peers'], { deadline: 40 * MINUTE });
tally.finish(start);
