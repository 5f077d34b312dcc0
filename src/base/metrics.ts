import type { Instant } from './clock.ts';
import type { ErrorCode } from './errors.ts';

/** What every room may count. Labels come from closed lists or the configuration: never a serial, a name or an address. */
export interface Metrics {
  certificateIssued(issuer: string, profile: string, door: string): void;
  refused(code: ErrorCode): void;
  /** `route` is the template (`/api/v1/certificates/:serial`), `seconds` the time until the answer was sent. */
  httpRequest(route: string, method: string, status: number, seconds: number): void;
  /** What became of the revocation of one certificate: both from closed lists. */
  revocation(reason: string, result: string): void;
  /** Our own probe saw a revocation, so many seconds after it was recorded. */
  revocationVisible(via: 'crl' | 'ocsp', seconds: number): void;
  /** A managed certificate came to such an end of a renewal. */
  managedRenewal(source: 'own' | 'public', outcome: ManagedOutcome): void;
  /** A target did not take a pair; `kind` is of the closed list of targets. */
  deliveryFailed(kind: string): void;
  /** The Prometheus text format 0.0.4 and its media type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export type ManagedOutcome = 'renewed' | 'order-failed' | 'not-served' | 'rolled-back' | 'degraded';

/** What the last look at all managed certificates found. */
export interface ManagedFacts {
  /** How many by the state of their newest version that is not over; `new` for those without one. */
  readonly states: readonly { readonly state: string; readonly count: number }[];
  readonly paused: number;
  /** Stored everywhere, and some endpoint does not serve it past the grace. */
  readonly notServed: number;
  readonly degraded: number;
  /** Deliveries that were given up and wait for an operator. */
  readonly deadDeliveries: number;
  /** The greatest share of its life that a current certificate has used; over 1 it has expired. */
  readonly lifeUsed: number;
}

/** Facts that are looked up when somebody scrapes. */
export interface MetricSources {
  /** The life of each issuer's generation. */
  issuerNotAfter(): Iterable<{
    readonly generation: string;
    readonly notBefore: Instant;
    readonly notAfter: Instant;
  }>;
  /** Issuers that wait for the signature of an offline root. */
  issuersNeedingSignature(): Iterable<string>;
  /** Seconds until the first live certificate expires if the server stays down; `undefined` when none lives. */
  headroomSeconds(): number | undefined;
  auditSequence(): number;
  /** How many OCSP requests were answered so: counted where they are answered, since each is a few microseconds. */
  ocspAnswers(): Iterable<{ readonly status: string; readonly cached: boolean; readonly count: number }>;
  /** The newest CRL of each scope of each generation. */
  crls(): Iterable<{
    readonly generation: string;
    readonly scope: string;
    /** Seconds since its thisUpdate. */
    readonly age: number;
    readonly nextUpdate: Instant;
    readonly entries: number;
  }>;
  /** CRLs that were built since the start, in how many seconds, and those that were refused. */
  crlBuilds(): { readonly count: number; readonly seconds: number; readonly refused: number };
  /** Age of the oldest revocation that our own probe has not seen published, in seconds; 0 where it has seen all. */
  unseenSeconds(): number;
  /** Places of publication; `age` in seconds since everything was last in place, or since the start. */
  publications(): Iterable<{ readonly target: string; readonly age: number; readonly failures: number }>;
  managed(): ManagedFacts;
  /** Webhooks by their place in the configuration: how far behind the log each is, and the tries that failed. */
  webhooks(): Iterable<{ readonly webhook: string; readonly behind: number; readonly failures: number }>;
  storeHealthy(): boolean;
}
