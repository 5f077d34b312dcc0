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
  /** The Prometheus text format 0.0.4 and its media type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Facts that are looked up when somebody scrapes. */
export interface MetricSources {
  /** notAfter of each issuer's generation. */
  issuerNotAfter(): Iterable<{ readonly generation: string; readonly notAfter: Instant }>;
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
  storeHealthy(): boolean;
}
