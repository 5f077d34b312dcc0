/**
 * Validations at work: many side by side, each tried again for a while with growing pauses (RFC 8555 8.2). Most end in a
 * moment, and their clients are told how, in the answer to the challenge; of others it is on record that they were begun
 * before their client is told. What a crash leaves behind is taken up again at the next start.
 */
import { type Duration, SECOND } from '../../base/clock.ts';
import type { Door } from '../identity/principal.ts';
import { accountPrincipalId, type AcmeAccount } from './account.ts';
import { acmeDraft } from './acme-audit.ts';
import {
  type AcmeAuthorization,
  type ChallengeAttempt,
  challengeToken,
  keyAuthorization,
  type ValidationType,
} from './authorization.ts';
import { type AcmePorts, accountUrl } from './context.ts';
import { identifierOf } from './identifier.ts';
import { countRate, failureOf } from './rate-limit.ts';
import { keyOfAccount } from './request.ts';
import type { ValidationOutcome, ValidationStep } from './validation-port.ts';

/** Pauses before the second, third and fourth try. */
const PAUSES: readonly Duration[] = [SECOND / 2, 1.5 * SECOND, 4 * SECOND];
/** Probes that run at once; others wait for their turn. */
const AT_ONCE = 64;
const MOST_STEPS = 40;
/** How long the answer to a challenge may wait for its end: shorter than the first pause, which nobody waits out. */
const MOMENT: Duration = 0.4 * SECOND;

export class Validations {
  readonly #ports: AcmePorts;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  /** By authorization: answers that wait for the end of a challenge. */
  readonly #answering = new Map<string, Promise<ChallengeAttempt>>();
  readonly #moments = new Set<AbortController>();
  #active = 0;

  constructor(ports: AcmePorts) {
    this.#ports = ports;
  }

  /** Takes up what an earlier process began. */
  resume(): number {
    const { store } = this.#ports;
    const left = store.authorizations.unsettled(1000);
    for (const one of left) {
      const account = store.accounts.find(one.account);
      const attempt = one.attempts[0];
      if (account !== undefined && attempt !== undefined)
        void this.#begin(one, attempt, account, { name: 'internal', requestId: 'resumed' });
    }
    return left.length;
  }

  /**
   * Begins the challenge of an authorization of which none was begun. Resolves with what is on record a moment later: how
   * it ended, or that it is under way. Who asks meanwhile, for another challenge too, is told the same.
   */
  answer(
    one: AcmeAuthorization,
    type: ValidationType,
    account: AcmeAccount,
    door: Door,
  ): Promise<ChallengeAttempt> {
    const there = this.#answering.get(one.id);
    if (there !== undefined) return there;
    const answer = this.#answer(one, type, account, door).finally(() => this.#answering.delete(one.id));
    this.#answering.set(one.id, answer);
    return answer;
  }

  async #answer(
    one: AcmeAuthorization,
    type: ValidationType,
    account: AcmeAccount,
    door: Door,
  ): Promise<ChallengeAttempt> {
    const { store, issuance } = this.#ports;
    const startedAt = issuance.clock.now();
    const begun: ChallengeAttempt = {
      type,
      startedAt,
      validatedAt: null,
      failedAt: null,
      problem: null,
      log: [],
    };
    const ended = await this.#withinAMoment(this.#begin(one, begun, account, door));
    if (ended !== undefined) return ended;
    await store.authorizations.begin(one.id, type, startedAt);
    return store.authorizations.find(one.id)?.attempts[0] ?? begun;
  }

  /** `undefined` when it goes on, or was cut off by the end of this process. Rejects as it does. */
  async #withinAMoment(work: Promise<ChallengeAttempt>): Promise<ChallengeAttempt | undefined> {
    const moment = new AbortController();
    this.#moments.add(moment);
    const over = (): undefined => undefined;
    try {
      return await Promise.race([
        work.catch((error: unknown) => {
          if (this.#stop.signal.aborted) return undefined;
          throw error;
        }),
        this.#ports.wait(MOMENT, moment.signal).then(over, over),
      ]);
    } finally {
      this.#moments.delete(moment);
      moment.abort();
    }
  }

  /** Resolves when its end is on record. */
  #begin(
    one: AcmeAuthorization,
    begun: ChallengeAttempt,
    account: AcmeAccount,
    door: Door,
  ): Promise<ChallengeAttempt> {
    const ended = this.#validate(one, begun, account, door);
    const work = ended.then(
      () => undefined,
      (error: unknown) => {
        // begun on record, it is taken up again at the next start
        if (!this.#stop.signal.aborted)
          this.#ports.log.error('a validation could not be finished', {
            authorization: one.id,
            reason: error instanceof Error ? error.message : String(error),
          });
      },
    );
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
    return ended;
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const turn of this.#waiting.splice(0)) turn();
    for (const moment of this.#moments) moment.abort();
    await Promise.allSettled(this.#answering.values());
    await this.idle();
  }

  async #validate(
    one: AcmeAuthorization,
    { type, startedAt }: ChallengeAttempt,
    account: AcmeAccount,
    door: Door,
  ): Promise<ChallengeAttempt> {
    const { store, issuance } = this.#ports;
    const { outcome, log, tries } = await this.#try(one, type, account);
    const at = issuance.clock.now();
    const attempt: ChallengeAttempt = {
      type,
      startedAt,
      validatedAt: outcome.ok ? at : null,
      failedAt: outcome.ok ? null : at,
      problem: outcome.ok ? null : outcome.problem,
      log: log.slice(-MOST_STEPS),
    };
    const actor = { principal: accountPrincipalId(account), door };
    if (!outcome.ok) await countRate(this.#ports, [failureOf(account, one.name)]);
    await store.authorizations.settle(one.id, attempt, [
      acmeDraft(
        at,
        actor,
        outcome.ok ? 'acme.challenge.validated' : 'acme.challenge.failed',
        outcome.ok ? 'allowed' : 'failed',
        {
          authorization: one.id,
          type,
          name: `${one.name.kind}:${one.wildcard ? '*.' : ''}${one.name.value}`,
          tries,
          ...(outcome.ok
            ? outcome.address !== undefined && { peer: outcome.address }
            : { problem: outcome.problem.type, reason: outcome.problem.detail.slice(0, 500) }),
        },
      ),
    ]);
    return attempt;
  }

  async #try(
    one: AcmeAuthorization,
    type: ValidationType,
    account: AcmeAccount,
  ): Promise<{ outcome: ValidationOutcome; log: readonly ValidationStep[]; tries: number }> {
    const { probe, wait } = this.#ports;
    const { signal } = this.#stop;
    const token = challengeToken(one.seed, type);
    const ask = {
      type,
      identifier: identifierOf(one.name),
      wildcard: one.wildcard,
      token,
      keyAuthorization: keyAuthorization(token, keyOfAccount(account).thumbprint),
      accountUri: accountUrl(this.#ports, account),
    };
    const log: ValidationStep[] = [];
    for (let tries = 1; ; tries++) {
      const outcome = await this.#inTurn(() => probe.validate(ask, signal));
      log.push(...outcome.log);
      const pause = PAUSES[tries - 1];
      if (outcome.ok || !outcome.retry || pause === undefined) return { outcome, log, tries };
      await wait(pause, signal);
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#active >= AT_ONCE) await new Promise<void>((turn) => this.#waiting.push(turn));
    this.#active++;
    try {
      return await work();
    } finally {
      this.#active--;
      this.#waiting.shift()?.();
    }
  }
}
