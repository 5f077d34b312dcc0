/** What the scheduler calls. */
import type { Clock, Duration } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import type { SecretBox } from '../domain/issuance/ports.ts';
import type { ManagedCertificate, ProbeWish, TargetWish } from '../domain/renewal/managed.ts';
import type {
  CertificateSource,
  ManagedStore,
  Probe,
  RenewalEvent,
  Target,
} from '../domain/renewal/ports.ts';
import type { Bytes } from '../x509/bytes.ts';

export interface SchedulerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: ManagedStore;
  readonly source: CertificateSource;
  /** Seals private keys for the store; the context is sealed with them. */
  readonly box: SecretBox;
  /** PKCS#8 of a fresh key. */
  readonly makeKey: (algorithm: ManagedCertificate['wish']['key']['algorithm']) => Promise<Bytes>;
  /** Throws `delivery_refused` where this host has no such target. */
  readonly target: (wish: TargetWish) => Target;
  readonly probe: (wish: ProbeWish) => Probe;
  /** DER of the anchors that a chain leads to, where they are known here. */
  readonly rootsFor: (issuedBy: string) => readonly Bytes[];
  /** A generation of ours that retires, or whose certificate is revoked. */
  readonly issuerRetires: (issuedBy: string) => boolean;
  /** What became of a certificate outside of the loop: revoked, or its key is blocked. */
  readonly verdictOn: (leaf: {
    readonly serial: string;
    readonly issuedBy: string;
    readonly spki: Bytes;
  }) => 'revoked' | 'compromised' | null;
  /**
   * May `who` start one more order (`order:<CA>`) or delivery (`deliver:<kind>`) now? Otherwise after so many milliseconds,
   * when its own slot is.
   */
  readonly budget: (lane: string, who: string) => Duration;
  readonly emit: (event: RenewalEvent) => void;
  /** Live progress for people who watch. */
  readonly report: (managed: string, version: number, message: string) => void;
  readonly draft: (
    event: AuditDraft['event'],
    outcome: AuditDraft['outcome'],
    details: AuditDraft['details'],
  ) => AuditDraft;
}
