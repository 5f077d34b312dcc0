// What `npm test` and `npm run test:peers` share: a check is a command with a name and a deadline, a tally counts.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './node24.mjs';

/** Where the tallies of the last runs stand, one JSON file each; .ci/run adds them up. */
export const RESULTS = join(ROOT, 'node_modules/.cache/chancery');

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Process groups that are running: they end with us. */
const groups = new Set();

function endGroup(id) {
  try {
    process.kill(-id, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    groups.forEach(endGroup);
    process.exit(130);
  });
}

/**
 * Runs a command to its end. What it says is kept and returned, or shown as it comes with `live`.
 * A command that is not done by its deadline (milliseconds) is ended with everything that it started.
 */
export function run(command, args, { deadline, live = false, env = {} }) {
  return new Promise((resolve) => {
    const io = live ? 'inherit' : 'pipe';
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', io, io],
      detached: true,
    });
    if (child.pid !== undefined) groups.add(child.pid);
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endGroup(child.pid);
    }, deadline);
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      groups.delete(child.pid);
      if (late) output += `\nended: not done after ${deadline / 1000} s`;
      resolve({ ok: code === 0 && !late, output });
    });
  });
}

/** Counts what passed and failed, says one line for each check, and leaves the sum where .ci/run finds it. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

  constructor(name) {
    this.file = join(RESULTS, `${name}.json`);
    rmSync(this.file, { force: true });
  }

  /** One check that is its own command: counted as one, silent about details unless it fails. */
  async check(name, command, args, options) {
    const start = performance.now();
    const { ok, output } = await run(command, args, options);
    this.count(name, ok, seconds(start));
    if (!ok || options.show?.test(output)) console.log(output.trimEnd().replace(/^/gm, '    '));
    return ok;
  }

  count(name, ok, remark = '') {
    if (ok) this.passed += 1;
    else this.failed += 1;
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(24)} ${remark}`.trimEnd());
  }

  /** Vitest's own tests, counted one by one from its JSON report. */
  async vitest(name, args, options) {
    const start = performance.now();
    const report = join(RESULTS, `vitest-${name}.json`);
    mkdirSync(RESULTS, { recursive: true });
    rmSync(report, { force: true });
    const { ok, output } = await run(
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--reporter=dot',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...args,
      ],
      { ...options, live: true, env: process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: '0' } },
    );
    if (output !== '') console.log(output.trim());
    const sum = readReport(report);
    // a crash, a file that cannot be loaded or an unhandled error is a failure even where no single test failed
    if (!ok && sum.failed === 0) sum.failed = 1;
    if (sum.passed + sum.failed === 0) sum.failed = 1;
    this.passed += sum.passed;
    this.failed += sum.failed;
    this.skipped += sum.skipped;
    console.log(`${sum.failed === 0 ? 'ok    ' : 'FAILED'}  ${'vitest'.padEnd(24)} ${seconds(start)}`);
  }

  /** The last lines of every run. Sets the exit code. */
  finish(start) {
    const { passed, failed, skipped } = this;
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(this.file, JSON.stringify({ passed, failed, skipped }));
    console.log(`\nin ${seconds(start)}${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = failed === 0 ? 0 : 1;
  }
}

function readReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const unloadable = report.testResults.filter(
    (result) =>
      result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
