import type { KeySet } from './key-set.ts';

/** Where a provider's keys come from. */
export interface KeySource {
  /** Rejects with `login_provider_unavailable`. */
  current(): Promise<KeySet>;
  /** `seen` lacks a key: the set as it is now, when it was not looked at a moment ago. */
  again(seen: KeySet): Promise<KeySet>;
}
