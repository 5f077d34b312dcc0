/** Statuses that were looked up a moment ago: the same certificates are asked about again and again. */
import { type Clock, type Duration, type Instant, SECOND } from '../../base/clock.ts';
import { OcspCache } from './ocsp-cache.ts';
import type { RevocationStore, SerialStatus } from './ports.ts';

/** What changed behind our back is seen after so long; what `changed` tells of, at once. */
const RECHECK: Duration = 2 * SECOND;

interface KnownStatus {
  readonly status: SerialStatus;
  readonly lookedUpAt: Instant;
}

export class KnownStatuses {
  readonly #store: Pick<RevocationStore, 'status'>;
  readonly #clock: Clock;
  readonly #known = new OcspCache<KnownStatus>();

  constructor(store: Pick<RevocationStore, 'status'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Something was revoked. */
  changed(): void {
    this.#known.clear();
  }

  status(generation: string, serial: string): SerialStatus {
    const now = this.#clock.now();
    const key = `${generation}/${serial}`;
    const known = this.#known.get(key);
    if (known !== undefined && now >= known.lookedUpAt && now - known.lookedUpAt < RECHECK)
      return known.status;
    const status = this.#store.status(generation, serial);
    // a serial number that is unknown may be given out in the next moment
    if (status.kind !== 'unknown') this.#known.set(key, { status, lookedUpAt: now });
    return status;
  }
}
