/** OCSP, wired: what is answered, who signs it, and how often. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import {
  OCSP_OUTCOMES,
  type OcspAnswer,
  OcspAnswers,
  type OcspOutcome,
} from '../domain/revocation/ocsp-answers.ts';
import type { OcspResponder } from '../domain/revocation/ocsp.ts';
import type { RevocationStore } from '../domain/revocation/ports.ts';
import type { Bytes } from '../x509/bytes.ts';
import { Responders, type RespondersOptions } from './responders.ts';
import { ocspSigner } from './signers.ts';

export interface OcspServiceOptions extends Omit<RespondersOptions, 'changed'> {
  readonly clock: Clock;
  readonly statuses: Pick<RevocationStore, 'status'>;
  readonly log: Log;
}

/** Since the process began. Counters of their own: what is answered from memory must not cost more to count than to answer. */
export class OcspCounts {
  readonly #fresh = zeros();
  readonly #cached = zeros();

  count({ outcome, cached }: Pick<OcspAnswer, 'outcome' | 'cached'>): void {
    (cached ? this.#cached : this.#fresh)[outcome]++;
  }

  /** Those that there were. */
  *read(): Iterable<{ readonly status: OcspOutcome; readonly cached: boolean; readonly count: number }> {
    for (const status of OCSP_OUTCOMES)
      for (const cached of [false, true]) {
        const count = (cached ? this.#cached : this.#fresh)[status];
        if (count > 0) yield { status, cached, count };
      }
  }
}

const zeros = (): Record<OcspOutcome, number> => ({
  good: 0,
  unknown: 0,
  revoked: 0,
  malformedRequest: 0,
  internalError: 0,
  tryLater: 0,
  unauthorized: 0,
});

export class OcspService {
  readonly #answers: OcspAnswers;
  readonly #responders: Responders;
  readonly #counts: OcspCounts;

  constructor(options: OcspServiceOptions, counts: OcspCounts = new OcspCounts()) {
    const { clock, statuses, keys, log } = options;
    this.#counts = counts;
    const responders = new Responders({ ...options, changed: () => this.#answers.respondersChanged() });
    this.#responders = responders;
    this.#answers = new OcspAnswers({
      clock,
      statuses,
      generationOf: responders.generationOf,
      responder: responders.responder,
      signer: ocspSigner(keys),
      failed(error) {
        log.error('an OCSP request could not be answered', {
          reason: error instanceof Error ? error.message : String(error),
        });
      },
    });
  }

  /** Everybody who answers is there, or it was said why not. */
  async ready(): Promise<void> {
    await this.#responders.tend();
  }

  /** Who answers for a generation now. */
  responder = (generation: string): OcspResponder | undefined => this.#responders.responder(generation);

  /** Renews what is due. */
  async tick(): Promise<void> {
    await this.#responders.tend();
  }

  /** To be called after a revocation: it is seen with the next answer, not only when somebody looks again. */
  statusChanged(): void {
    this.#answers.statusChanged();
  }

  /** Where nobody can answer since a responder expired (the clock jumped), it is renewed first. */
  answer(request: Bytes): OcspAnswer | Promise<OcspAnswer> {
    const answer = this.#answers.answer(request);
    if (answer.outcome === 'tryLater') return this.#answerLater(request, answer);
    this.#counts.count(answer);
    return answer;
  }

  async #answerLater(request: Bytes, refusal: OcspAnswer): Promise<OcspAnswer> {
    const answer = (await this.#responders.tend()) ? this.#answers.answer(request) : refusal;
    this.#counts.count(answer);
    return answer;
  }
}
