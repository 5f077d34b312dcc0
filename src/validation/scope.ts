/** The time that a probe has, and everything that it opened: at the end nothing of it is left. */

/** Given to who waits when the time is up. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/** One for all: a stack for every probe that went well would cost more than it tells. */
const OVER = new OutOfTime('the probe is over');

export class Scope {
  readonly #ends = new Set<(reason: Error) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal;
  readonly #aborted: () => void;
  #reason: Error | undefined;

  /** `outer`: ends everything early. Throws its reason when it is aborted already. */
  constructor(milliseconds: number, outer: AbortSignal) {
    outer.throwIfAborted();
    this.#outer = outer;
    this.#aborted = () => this.end(asError(outer.reason));
    outer.addEventListener('abort', this.#aborted, { once: true });
    this.#timer = setTimeout(
      () => this.end(new OutOfTime(`not done within ${milliseconds / 1000} seconds`)),
      milliseconds,
    );
  }

  /** Why it ended, if it did. */
  get over(): Error | undefined {
    return this.#reason;
  }

  /** Throws why it ended, if it did. */
  check(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** `close` is called once, when the scope ends; with the function that comes back it is forgotten. */
  onEnd(close: (reason: Error) => void): () => void {
    this.check();
    this.#ends.add(close);
    return () => this.#ends.delete(close);
  }

  /** Closes all that is open. What is asked of the scope afterwards throws. */
  end(reason: Error = OVER): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#aborted);
    for (const close of this.#ends) close(reason);
    this.#ends.clear();
  }
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
