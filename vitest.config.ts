import { defineConfig } from 'vitest/config';

/** `vitest run` needs this repository and nothing else; `vitest run --mode peers` needs other people's programs. */
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'peers' ? ['test/peers/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: mode === 'peers' ? [] : ['test/peers/**', 'test/bench/**'],
    pool: 'forks',
    // all cores: by itself vitest leaves one out, which is half of two, and much here waits
    maxWorkers: '100%',
    // peers are timed, starved and killed: one file at a time
    fileParallelism: mode !== 'peers',
    // the flags of bin/chancery that a library could mind, and the one that keeps V8 from aborting
    execArgv: ['--disable-proto=delete', '--no-memory-protection-keys'],
    testTimeout: mode === 'peers' ? 60_000 : 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text', 'html'] },
  },
}));
