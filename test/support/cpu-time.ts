/**
 * Milliseconds of CPU that this thread spends on `action`, best of three: neither a busy machine nor a collection of
 * garbage is the action's. What it throws is thrown on.
 */
export function cpuTime(action: () => unknown): number {
  let best = Infinity;
  for (let tries = 0; tries < 3; tries++) {
    const start = process.threadCpuUsage();
    action();
    const { user, system } = process.threadCpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
