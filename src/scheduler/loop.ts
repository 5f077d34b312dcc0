/**
 * Looks for managed certificates that are due, takes them, and does what the domain says until nothing is to be done
 * now. No timer per certificate: an index says who is due. Targets and probes of one certificate run side by side; what
 * takes long (an order at a public CA) holds nothing else up.
 */
import { type Duration, MINUTE, SECOND } from '../base/clock.ts';
import { isChanceryError } from '../base/errors.ts';
import type { Claim } from '../domain/renewal/ports.ts';
import type { Wish } from '../domain/renewal/managed.ts';
import { reconcile, type Step } from '../domain/renewal/reconcile.ts';
import { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';
import { take } from './steps.ts';
import { refreshFacts } from './verdicts.ts';

/** Who dies without letting go is taken over after so long. */
const LEASE: Duration = 2 * MINUTE;
const EXTEND: Duration = 30 * SECOND;
/** Certificates in hand at once. */
const IN_HAND = 64;
const PAGE = 100;

export class Scheduler {
  readonly #ports: SchedulerPorts;
  readonly #working = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #ticking = false;

  constructor(ports: SchedulerPorts) {
    this.#ports = ports;
  }

  /** Takes what is due. Called about once a second; resolves when it was taken, not when it is done. */
  async tick(): Promise<void> {
    if (this.#ticking || this.#stop.signal.aborted) return;
    this.#ticking = true;
    try {
      const { store, clock } = this.#ports;
      const room = Math.min(PAGE, IN_HAND - this.#working.size);
      const now = clock.now();
      const next = store.nextDue();
      if (room <= 0 || next === undefined || next > now) return;
      for (const claim of await store.claim(now, room, now + LEASE)) {
        const work = this.#work(claim)
          .catch((error: unknown) => {
            this.#ports.log.error('a managed certificate was not looked after', {
              managed: claim.name,
              reason: error instanceof Error ? error.message : String(error),
            });
          })
          .finally(() => this.#working.delete(claim.name));
        this.#working.set(claim.name, work);
      }
    } finally {
      this.#ticking = false;
    }
  }

  /** Resolves when nothing that was taken is under way. */
  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working.values());
  }

  /** Steps that are under way end; the rest is taken up at the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#working.values());
  }

  async #work(claim: Claim): Promise<void> {
    const { store, clock } = this.#ports;
    const desk = new Desk(this.#ports, claim);
    const holding = setInterval(() => {
      store.extend(claim, clock.now() + LEASE).catch(() => undefined);
    }, EXTEND);
    holding.unref();
    try {
      const dueAt = await this.#until(desk);
      if (dueAt !== undefined) await store.release(claim, dueAt);
    } catch (error) {
      if (isChanceryError(error) && (error.code === 'claim_lost' || error.code === 'shutting_down')) return;
      // it is not lost: it is due again, a little later
      await store.release(claim, clock.now() + MINUTE).catch(() => undefined);
      throw error;
    } finally {
      clearInterval(holding);
    }
  }

  /** Resolves with when it is due again; `undefined`: it is gone. */
  async #until(desk: Desk): Promise<number | undefined> {
    const { clock, issuerRetires } = this.#ports;
    const running = new Map<string, Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    for (;;) {
      const managed = desk.managed();
      if (managed === undefined) {
        await Promise.all(running.values());
        return undefined;
      }
      if (running.size === 0) await refreshFacts(desk, this.#ports);
      const now = clock.now();
      const { steps, askAgainAt } = reconcile({ managed, versions: desk.versions(), issuerRetires, now });
      let wait = askAgainAt;
      if (failure === undefined && !this.#stop.signal.aborted)
        for (const step of steps) {
          const key = keyOf(step);
          if (running.has(key)) continue;
          const later = this.#ports.budget(laneOf(step, managed.wish), `${managed.name} ${key}`);
          if (later > 0) {
            wait = Math.min(wait, now + later);
            continue;
          }
          const task = take(step, desk, this.#ports, this.#stop.signal)
            .catch((error: unknown) => {
              failure ??= { error };
            })
            .finally(() => running.delete(key));
          running.set(key, task);
        }
      if (running.size === 0) {
        if (failure !== undefined) throw failure.error;
        // who stops leaves the rest to the next start, which finds it due
        if (this.#stop.signal.aborted && steps.length > 0) return now;
        return Math.max(wait, now + 1);
      }
      await Promise.race(running.values());
    }
  }
}

/** Only one of a kind runs at a time; deliveries to different targets run side by side. */
const keyOf = (step: Step): string =>
  step.kind === 'deliver' ? `deliver ${step.version} ${step.target}` : step.kind;

/** What a budget is kept for. */
function laneOf(step: Step, { source, targets }: Wish): string {
  if (step.kind === 'deliver')
    return `deliver:${targets.find(({ id }) => id === step.target)?.kind ?? 'unknown'}`;
  if (step.kind !== 'order') return step.kind;
  return source.kind === 'own' ? `order:${source.issuer}` : `order:public:${source.authorities[0] ?? ''}`;
}
