/**
 * Refusals of callers that nobody knows. One entry each would let a stranger fill the log, so they are counted,
 * and every window becomes one entry.
 */
import { formatInstant, type Duration, type Instant, MINUTE } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/errors.ts';
import type { AuditDraft } from './entry.ts';

export interface AnonymousRefusal {
  readonly code: ErrorCode;
  /** Name of the door, from a closed list. */
  readonly door: string;
  readonly address?: string | undefined;
}

/** What was counted from the first refusal of a window on. */
export interface RefusalWindow {
  readonly from: Instant;
  readonly total: number;
  readonly reasons: ReadonlyMap<string, number>;
  readonly doors: ReadonlyMap<string, number>;
  /** The first distinct addresses. */
  readonly addresses: readonly string[];
}

const SAMPLES = 5;
const LONGEST_ADDRESS = 64;

/** The counter. Its memory is bounded: codes and doors are closed lists, addresses are sampled. */
export class AnonymousRefusals {
  readonly #length: Duration;
  #open: RefusalWindow | undefined;

  constructor(length: Duration = MINUTE) {
    this.#length = length;
  }

  add(refusal: AnonymousRefusal, now: Instant): void {
    const { code, door, address } = refusal;
    this.#open = merge(this.#open, {
      from: now,
      total: 1,
      reasons: new Map([[code, 1]]),
      doors: new Map([[door, 1]]),
      addresses: address === undefined ? [] : [address.slice(0, LONGEST_ADDRESS)],
    });
  }

  /**
   * The window, once it is over (or the clock went back before it); `undefined` while it runs or nothing was refused.
   * `always` closes it early, for the shutdown.
   */
  take(now: Instant, always = false): RefusalWindow | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    if (!always && now >= open.from && now - open.from < this.#length) return undefined;
    this.#open = undefined;
    return open;
  }

  /** Counts a window again whose entry could not be written. */
  giveBack(window: RefusalWindow): void {
    this.#open = merge(window, this.#open);
  }
}

function merge(
  first: RefusalWindow | undefined,
  second: RefusalWindow | undefined,
): RefusalWindow | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    from: first.from,
    total: first.total + second.total,
    reasons: addCounts(first.reasons, second.reasons),
    doors: addCounts(first.doors, second.doors),
    addresses: [...new Set([...first.addresses, ...second.addresses])].slice(0, SAMPLES),
  };
}

function addCounts(
  first: ReadonlyMap<string, number>,
  second: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sum = new Map(first);
  for (const [key, count] of second) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

/** The one entry for a window. */
export function refusalsDraft(window: RefusalWindow, now: Instant): AuditDraft {
  return {
    time: now,
    event: 'requests.refused.anonymous',
    outcome: 'refused',
    principal: 'anonymous',
    door: 'internal',
    requestId: 'aggregate',
    details: {
      from: formatInstant(window.from),
      total: window.total,
      reasons: Object.fromEntries(window.reasons),
      doors: Object.fromEntries(window.doors),
      addresses: window.addresses,
    },
  };
}
