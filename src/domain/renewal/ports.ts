/** What the loop needs of the world. */
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';

/** A key pair on its way to a target. */
export interface Pair {
  readonly managed: string;
  readonly version: number;
  /** DER of the leaf. */
  readonly certificate: Bytes;
  /** SHA-256 of the leaf, hexadecimal: what two pairs are compared by. */
  readonly fingerprint: string;
  /** DER, issuing CA first; no root. */
  readonly chain: readonly Bytes[];
  /** DER of the anchors that the chain leads to, where they are known. */
  readonly roots: readonly Bytes[];
  /** PKCS#8. */
  readonly privateKey: Bytes;
}

export interface Receipt {
  /** `unchanged`: this pair was there already. */
  readonly outcome: 'stored' | 'unchanged';
  /** Where it is, for people: a path, a version id. */
  readonly location: string;
  /** What was done so that the service takes it; `null` for nothing. */
  readonly reload: string | null;
}

/**
 * A place for pairs. Every adapter runs the same contract suite: a pair is stored as one, or not at all; the same pair
 * again changes nothing; what was stored is read back and compared before the promise resolves.
 */
export interface Target {
  /** Throws `delivery_refused` (no retry helps: policy, layout) or `delivery_failed` (it is tried again). */
  deliver(pair: Pair): Promise<Receipt>;
  /** SHA-256 of the leaf that is stored; `undefined` where there is none. */
  stored(): Promise<string | undefined>;
  /** Forgets every pair but the one that is stored. */
  forgetPrevious(): Promise<void>;
  /** Everything up to the swap, with a throw-away pair; what is served stays as it is. */
  rehearse(pair: Pair): Promise<string>;
}

/** What one endpoint serves. */
export interface Sight {
  /** `192.0.2.1:443` */
  readonly address: string;
  /** DER of the leaf; `undefined`: unreachable, or no certificate. */
  readonly certificate: Bytes | undefined;
  /** Why not, or what is wrong with it although it came. */
  readonly fault: string | undefined;
}

/** Looks at every instance behind a probe. Never throws for what it sees. */
export interface Probe {
  look(signal: AbortSignal): Promise<readonly Sight[]>;
}

export interface Seen extends Sight {
  readonly probe: string;
  readonly at: Instant;
}
