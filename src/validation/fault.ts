/** Why a probe failed, and what it did until then. */
import { formatHostPort } from '../base/host-port.ts';
import type {
  ValidationOutcome,
  ValidationProblemType,
  ValidationStep,
} from '../domain/acme/validation-port.ts';

/** How a probe ends that saw no control. `detail` is shown to the client. */
export class ProbeFault extends Error {
  override readonly name = 'ProbeFault';
  readonly type: ValidationProblemType;
  readonly retry: boolean;

  constructor(type: ValidationProblemType, detail: string, { retry = true }: { retry?: boolean } = {}) {
    super(printable(detail, 500));
    this.type = type;
    this.retry = retry;
  }
}

/** What strangers sent may end up in a terminal, a log, a problem document: visible ASCII, not much of it. */
export function printable(text: string, length = 200): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?');
  return clean.length <= length ? clean : `${clean.slice(0, length - 3)}...`;
}

/** `[2001:db8::1]:443`, `10.0.0.1:80`. */
export const formatPeer = (address: string, port: number): string => formatHostPort({ host: address, port });

const MAX_STEPS = 60;

/** The steps of one validation, in order. Those beyond the sixtieth are left out but for the last one. */
export class Journal {
  readonly #began = performance.now();
  readonly #steps: ValidationStep[] = [];

  add(kind: ValidationStep['kind'], target: string, result: string, address?: string): void {
    if (this.#steps.length === MAX_STEPS) this.#steps.pop();
    this.#steps.push({
      after: Math.round(performance.now() - this.#began),
      kind,
      target: printable(target),
      ...(address !== undefined && { address }),
      result: printable(result),
    });
  }

  passed(address?: string): ValidationOutcome {
    return { ok: true, ...(address !== undefined && { address }), log: this.#steps };
  }

  failed({ type, message, retry }: ProbeFault): ValidationOutcome {
    return { ok: false, problem: { type, detail: message }, log: this.#steps, retry };
  }
}
