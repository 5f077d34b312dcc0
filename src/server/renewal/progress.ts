/** What happens to managed certificates right now, for people who watch: the last lines of each, in memory. */
import type { Clock, Duration, Instant } from '../../base/clock.ts';

export interface ProgressLine {
  /** Rises: who watches asks for what came after. */
  readonly sequence: number;
  readonly time: Instant;
  readonly version: number;
  readonly message: string;
}

const LINES = 50;
const NAMES = 1000;
/** More who watch are answered at once. */
const WATCHERS = 200;

export class ProgressBoard {
  readonly #clock: Clock;
  readonly #lines = new Map<string, ProgressLine[]>();
  readonly #watchers = new Set<() => void>();
  #sequence = 0;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  report(managed: string, version: number, message: string): void {
    const lines = this.#lines.get(managed) ?? [];
    this.#lines.delete(managed);
    this.#sequence += 1;
    this.#lines.set(managed, [
      ...lines.slice(1 - LINES),
      { sequence: this.#sequence, time: this.#clock.now(), version, message },
    ]);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > NAMES && oldest !== undefined) this.#lines.delete(oldest);
    for (const wake of this.#watchers) wake();
  }

  /** What came after; waits so long for a first line. */
  async watch(managed: string, sequence: number, patience: Duration): Promise<readonly ProgressLine[]> {
    const until = this.#clock.now() + patience;
    for (;;) {
      const lines = this.after(managed, sequence);
      const left = until - this.#clock.now();
      if (lines.length > 0 || left <= 0 || this.#stopped || this.#watchers.size >= WATCHERS) return lines;
      await this.#next(left);
    }
  }

  /** Nobody waits any longer. */
  stop(): void {
    this.#stopped = true;
    for (const wake of this.#watchers) wake();
  }

  #next(patience: Duration): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, patience);
      this.#watchers.add(wake);
    });
  }

  after = (managed: string, sequence: number): readonly ProgressLine[] =>
    (this.#lines.get(managed) ?? []).filter((line) => line.sequence > sequence);
}
