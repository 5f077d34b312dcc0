/** Signed answers that are given again: few enough to keep in memory, the least asked for leaves first. */

/** At about 1.2 kB each. */
const LIMIT = 10_000;

export class OcspCache<T> {
  readonly #limit: number;
  readonly #entries = new Map<string, T>();

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Also makes it the one that was asked for last. */
  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    // while there is much room, the order does not matter
    if (entry !== undefined && this.#entries.size * 2 >= this.#limit) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  set(key: string, entry: T): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#limit)
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
