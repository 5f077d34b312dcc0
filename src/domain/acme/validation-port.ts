/** What the ACME server asks of the world to see control of an identifier (RFC 8555 section 8). */

export type ValidationType = 'http-01' | 'dns-01' | 'tls-alpn-01';

export interface ValidationIdentifier {
  readonly type: 'dns' | 'ip';
  /** Canonical: a DNS name in lower case without `*.`, an IP address as RFC 5952 writes it. */
  readonly value: string;
}

export interface ValidationAsk {
  readonly type: ValidationType;
  readonly identifier: ValidationIdentifier;
  /** Whether the order is for `*.<value>`; `value` is the base name then (RFC 8555 7.1.4). */
  readonly wildcard: boolean;
  /** base64url as the server made it: what the URL of http-01 ends with. */
  readonly token: string;
  /** `token.thumbprint` (RFC 8555 8.1). */
  readonly keyAuthorization: string;
  /** What CAA's `accounturi` is compared with (RFC 8657 3). */
  readonly accountUri: string;
}

/** One thing that a probe did and what came of it: the log that explains a validation to its user. */
export interface ValidationStep {
  /** Milliseconds since the probe began. */
  readonly after: number;
  readonly kind: 'dns' | 'connect' | 'http' | 'tls' | 'caa';
  /** What was asked for: `A www.example.test`, `http://www.example.test/…`. */
  readonly target: string;
  /** Of the peer, `address:port`. Left out where there was none. */
  readonly address?: string;
  /** Printable ASCII, bounded. Never anything of a response's body. */
  readonly result: string;
}

/** The error types of RFC 8555 6.7 that a validation can end with, without their namespace. */
export type ValidationProblemType =
  | 'connection'
  | 'dns'
  | 'unauthorized'
  | 'incorrectResponse'
  | 'tls'
  | 'caa'
  | 'malformed'
  | 'serverInternal';

export interface ValidationProblem {
  readonly type: ValidationProblemType;
  /** One sentence that may be shown to the client. */
  readonly detail: string;
}

export type ValidationOutcome =
  | {
      readonly ok: true;
      /** The peer that proved it, `address:port`; left out for dns-01. */
      readonly address?: string;
      readonly log: readonly ValidationStep[];
    }
  | {
      readonly ok: false;
      readonly problem: ValidationProblem;
      readonly log: readonly ValidationStep[];
      /**
       * Whether a later try can end otherwise: nobody listens yet, a record or a file has not spread. Never for an address
       * that may not be probed, nor for CAA that forbids. When and how often (RFC 8555 8.2) is the caller's to decide.
       */
      readonly retry: boolean;
    };

/**
 * Looks at an identifier once, from here. It takes 10 seconds at most, 20 with CAA, and leaves nothing open. A failure is
 * an outcome; the promise rejects only with the signal's reason once that is aborted.
 */
export interface ChallengeProbe {
  validate(ask: ValidationAsk, signal: AbortSignal): Promise<ValidationOutcome>;
}

/** RFC 8657 4: labels that begin with `ca-` are a CA's own. Ours is for names that an external account key vouches for. */
export type CaaMethod = ValidationType | 'ca-preauthorized';

export interface CaaAsk {
  readonly identifier: ValidationIdentifier;
  readonly wildcard: boolean;
  /** How control was shown: what CAA's `validationmethods` is compared with (RFC 8657 4). */
  readonly method: CaaMethod;
  readonly accountUri: string;
}

/**
 * Whether the owner of a name lets this CA issue for it (RFC 8659): once more before issuance, where the validation is
 * over 8 hours old. Rejects as a probe does. IP addresses have no CAA records and pass.
 */
export interface CaaCheck {
  check(ask: CaaAsk, signal: AbortSignal): Promise<ValidationOutcome>;
}
