/**
 * Validations at work: many side by side, each tried again for a while with growing pauses (RFC 8555 8.2). That one was
 * begun is on record before its client is told; what a crash leaves behind is taken up again at the next start.
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

export class Validations {
  readonly #ports: AcmePorts;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
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
        this.begin(one, attempt.type, account, { name: 'internal', requestId: 'resumed' });
    }
    return left.length;
  }

  /** Returns at once. */
  begin(one: AcmeAuthorization, type: ValidationType, account: AcmeAccount, door: Door): void {
    const work = this.#validate(one, type, account, door).catch((error: unknown) => {
      // it stays begun on record, and is taken up again at the next start
      if (!this.#stop.signal.aborted)
        this.#ports.log.error('a validation could not be finished', {
          authorization: one.id,
          reason: error instanceof Error ? error.message : String(error),
        });
    });
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const turn of this.#waiting.splice(0)) turn();
    await this.idle();
  }

  async #validate(
    one: AcmeAuthorization,
    type: ValidationType,
    account: AcmeAccount,
    door: Door,
  ): Promise<void> {
    const { store, issuance } = this.#ports;
    const { outcome, log, tries } = await this.#try(one, type, account);
    const at = issuance.clock.now();
    const attempt: ChallengeAttempt = {
      type,
      startedAt: at,
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
