/** What keeping the CRLs of all generations takes. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { StatusUrls } from '../../domain/issuance/issuer.ts';
import type { PublishedCrlStore } from '../../domain/revocation/ports.ts';
import type { Authority } from '../authority.ts';
import type { CrlFolder } from './files.ts';
import type { CrlPublisher } from './publisher.ts';

export interface IssuerCrlsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly authority: Pick<Authority, 'allGenerations' | 'generation'>;
  readonly store: PublishedCrlStore;
  readonly publisher: CrlPublisher;
  readonly folder: CrlFolder;
  readonly urls: Pick<StatusUrls, 'crlShard' | 'crlFull'>;
  /** Records audit entries that stand for themselves. */
  readonly record: (drafts: readonly AuditDraft[]) => Promise<void>;
  /** Whether nothing may be published for a generation: it was imported without its past. */
  readonly heldBack: (generation: string) => boolean;
  /** Closes the thread. */
  readonly close: () => Promise<void>;
}
