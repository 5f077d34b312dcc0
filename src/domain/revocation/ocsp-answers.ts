/**
 * What is answered to an OCSP request. Good, revoked and unknown are signed by the responder of the generation that is
 * asked about; a serial number that it never gave out is unknown. Everything else is an error without a signature.
 */
import { isChanceryError } from '../../base/errors.ts';
import type { Clock, Instant } from '../../base/clock.ts';
import { type Bytes, toLatin1 } from '../../x509/bytes.ts';
import type { CertId } from '../../x509/cert-id.ts';
import { formatSerial } from '../../x509/certificate.ts';
import { encodeOcspRequest, type OcspRequest, readOcspRequest } from '../../x509/ocsp-request.ts';
import { encodeOcspError } from '../../x509/ocsp-response-writer.ts';
import { KnownStatuses } from './known-statuses.ts';
import { type OcspResponder, type OcspSigner, PreparedOcsp, signOcsp } from './ocsp.ts';
import { OcspCache } from './ocsp-cache.ts';
import type { RevocationStore, SerialStatus } from './ports.ts';

/** Of an answer about several certificates the worst. */
export const OCSP_OUTCOMES = [
  'good',
  'unknown',
  'revoked',
  'malformedRequest',
  'internalError',
  'tryLater',
  'unauthorized',
] as const;
export type OcspOutcome = (typeof OCSP_OUTCOMES)[number];

export interface OcspAnswer {
  readonly der: Bytes;
  readonly outcome: OcspOutcome;
  readonly cached: boolean;
  /** Until when it may be given to others; `undefined` for errors and for who sent a nonce. */
  readonly validity: { readonly thisUpdate: Instant; readonly nextUpdate: Instant } | undefined;
}

export interface OcspAnswersOptions {
  readonly clock: Clock;
  /** The generation that CertIDs with this `issuerKey` are about; `undefined`: none that lives. */
  readonly generationOf: (issuerKey: string) => string | undefined;
  readonly responder: (generation: string) => OcspResponder | undefined;
  readonly statuses: Pick<RevocationStore, 'status'>;
  readonly signer: OcspSigner;
  /** What could not be answered, and why. */
  readonly failed: (error: unknown) => void;
  readonly cache?: OcspCache<CachedAnswer>;
}

export interface CachedAnswer {
  readonly answer: OcspAnswer;
  readonly generation: string;
  readonly serial: string;
  readonly status: SerialStatus;
  readonly validFrom: Instant;
  /** From half of its validity on it is signed anew. */
  readonly validUntil: Instant;
}

type OcspError = 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized';
const errorAnswer = (outcome: OcspError): OcspAnswer => ({
  der: encodeOcspError(outcome),
  outcome,
  cached: false,
  validity: undefined,
});
const ERRORS: Readonly<Record<OcspError, OcspAnswer>> = {
  malformedRequest: errorAnswer('malformedRequest'),
  internalError: errorAnswer('internalError'),
  tryLater: errorAnswer('tryLater'),
  unauthorized: errorAnswer('unauthorized'),
};
/** Before there is anybody who answers. */
export const TRY_LATER: OcspAnswer = ERRORS.tryLater;

export class OcspAnswers {
  readonly #options: OcspAnswersOptions;
  readonly #cache: OcspCache<CachedAnswer>;
  readonly #statuses: KnownStatuses;

  constructor(options: OcspAnswersOptions) {
    this.#options = options;
    this.#statuses = new KnownStatuses(options.statuses, options.clock);
    this.#cache = options.cache ?? new OcspCache();
  }

  /** Something was revoked: what is kept is compared with the store before it is given again. */
  statusChanged(): void {
    this.#statuses.changed();
  }

  /** Others answer from now on. */
  respondersChanged(): void {
    this.#cache.clear();
  }

  /** The answer to the octets of a request. Never throws. */
  answer(der: Bytes): OcspAnswer {
    const key = toLatin1(der);
    try {
      return this.#cached(key) ?? this.#answer(der, key);
    } catch (error) {
      if (isChanceryError(error) && error.code === 'malformed_der') return ERRORS.malformedRequest;
      this.#options.failed(error);
      const passing = isChanceryError(error) && PASSING.has(error.code);
      return passing ? ERRORS.tryLater : ERRORS.internalError;
    }
  }

  #answer(der: Bytes, key: string): OcspAnswer {
    const request = readOcspRequest(der);
    const generation = this.#generationOf(request.certIds);
    if (generation === undefined) return ERRORS.unauthorized;
    const plainKey = plainKeyOf(request);
    if (plainKey !== undefined && plainKey !== key) {
      const known = this.#cached(plainKey);
      if (known !== undefined) return known;
    }
    const responder = this.#options.responder(generation);
    if (responder === undefined) return ERRORS.tryLater;
    return this.#sign(responder, request, plainKey);
  }

  #sign(responder: OcspResponder, { certIds, nonce }: OcspRequest, key: string | undefined): OcspAnswer {
    const { clock, signer } = this.#options;
    const { generation } = responder;
    const now = clock.now();
    const singles = certIds.map(({ raw, serial }) => ({
      certId: raw,
      status: this.#statuses.status(generation, formatSerial(serial)),
    }));
    const prepared = PreparedOcsp.of({ responder, singles, nonce, now });
    const der = signOcsp(signer, prepared);
    const { thisUpdate, nextUpdate } = prepared;
    const validity = nonce === undefined ? { thisUpdate, nextUpdate } : undefined;
    const outcome = worst(singles.map(({ status }) => status.kind));
    const answer: OcspAnswer = { der, outcome, cached: false, validity };
    const [only] = singles;
    // what was never issued is nobody's to ask for again, and there is no end of such serial numbers
    if (key !== undefined && only !== undefined && outcome !== 'unknown')
      this.#cache.set(key, {
        answer: { ...answer, cached: true },
        generation,
        serial: formatSerial(certIds[0]?.serial ?? new Uint8Array(0)),
        status: only.status,
        validFrom: thisUpdate,
        validUntil: thisUpdate + (nextUpdate - thisUpdate) / 2,
      });
    return answer;
  }

  #cached(key: string): OcspAnswer | undefined {
    const entry = this.#cache.get(key);
    if (entry === undefined) return undefined;
    const now = this.#options.clock.now();
    if (now >= entry.validFrom && now < entry.validUntil && this.#isUnchanged(entry)) return entry.answer;
    this.#cache.delete(key);
    return undefined;
  }

  #isUnchanged({ generation, serial, status }: CachedAnswer): boolean {
    return sameStatus(this.#statuses.status(generation, serial), status);
  }

  /** One generation: another one's responder cannot vouch for it. */
  #generationOf(certIds: readonly CertId[]): string | undefined {
    const [first, ...more] = certIds.map(
      ({ issuerKey }) => issuerKey && this.#options.generationOf(issuerKey),
    );
    return more.every((other) => other === first) ? first || undefined : undefined;
  }
}

/** They pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(['not_ready', 'store_unavailable']);

/** Who asks about one certificate without a nonce gets what others got, whatever else stands in the request. */
function plainKeyOf({ certIds, nonce }: OcspRequest): string | undefined {
  const [first] = certIds;
  return nonce === undefined && first !== undefined && certIds.length === 1
    ? toLatin1(encodeOcspRequest([first.raw]))
    : undefined;
}

const worst = (kinds: readonly SerialStatus['kind'][]): SerialStatus['kind'] =>
  kinds.includes('revoked') ? 'revoked' : kinds.includes('unknown') ? 'unknown' : 'good';

const sameStatus = (a: SerialStatus, b: SerialStatus): boolean =>
  a.kind === 'revoked' && b.kind === 'revoked'
    ? a.revokedAt === b.revokedAt && a.reason === b.reason
    : a.kind === b.kind;
