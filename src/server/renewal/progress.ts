/** What happens to managed certificates right now, for people who watch: the last lines of each, in memory. */
import type { Clock, Instant } from '../../base/clock.ts';

export interface ProgressLine {
  /** Rises: who watches asks for what came after. */
  readonly sequence: number;
  readonly time: Instant;
  readonly version: number;
  readonly message: string;
}

const LINES = 50;
const NAMES = 1000;

export class ProgressBoard {
  readonly #clock: Clock;
  readonly #lines = new Map<string, ProgressLine[]>();
  #sequence = 0;

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
  }

  after = (managed: string, sequence: number): readonly ProgressLine[] =>
    (this.#lines.get(managed) ?? []).filter((line) => line.sequence > sequence);
}
