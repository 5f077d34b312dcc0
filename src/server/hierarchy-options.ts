/** What changing roots and generations takes. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { TrustDomain } from '../domain/identity/spiffe-id.ts';
import type { StatusUrls } from '../domain/issuance/issuer.ts';
import type { AuthorityStore, Inventory } from '../domain/issuance/ports.ts';
import type { JournalBook } from '../domain/revocation/journal-book.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import type { Authority } from './authority.ts';

export interface HierarchyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: TrustDomain;
  readonly urls: StatusUrls;
  readonly keys: SigningKeys;
  readonly authority: Authority;
  readonly authorities: AuthorityStore;
  readonly inventory: Pick<Inventory, 'living'>;
  readonly journal: Pick<JournalBook, 'crlFloor'>;
  /** Throws where the audit log takes nothing. */
  readonly guard: () => void;
  /** Throws where the clock cannot be believed: no CA is certified by it. */
  readonly guardClock: () => void;
  /** Everything that its certificates will name is published. Rejects with why not: then a generation is not activated. */
  readonly published: (generation: string) => Promise<void>;
  /** Called after every change. */
  readonly changed: () => Promise<void>;
}
