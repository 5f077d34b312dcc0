/** Carries out revocations when they are due, one round at a time, beside everything else. */
import type { Log } from '../base/log.ts';
import { runScheduled, type SchedulePorts } from '../domain/revocation/schedule.ts';

export class ScheduledRevocations {
  readonly #ports: SchedulePorts;
  readonly #log: Log;
  #running: Promise<void> | undefined;

  constructor(ports: SchedulePorts, log: Log) {
    this.#ports = ports;
    this.#log = log;
  }

  /** Begins a round when one is due; returns at once. */
  tick(): void {
    const { scheduled, revocation } = this.#ports;
    if (this.#running !== undefined || scheduled.due(revocation.clock.now()).length === 0) return;
    this.#running = runScheduled(this.#ports)
      .then((count) => this.#log.info('revoked what was scheduled', { count }))
      .catch((error: unknown) => {
        this.#log.warn('a scheduled revocation failed and is tried again', {
          reason: error instanceof Error ? error.message : String(error),
        });
      })
      .finally(() => (this.#running = undefined));
  }

  /** Ends with the round at hand: what is left is done after the next start. */
  async stop(): Promise<void> {
    await this.#running;
  }
}
