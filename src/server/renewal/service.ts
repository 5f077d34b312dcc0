/** Managed certificates, wired: the scheduler with its edges, and what people ask of it. */
import { generateKeyPair, exportPkcs8 } from '../../x509/key-pair.ts';
import type { Log } from '../../base/log.ts';
import { HOUR, SECOND } from '../../base/clock.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { Configuration } from '../../config/index.ts';
import type { IssuancePorts } from '../../domain/issuance/issue.ts';
import type { CertificateSource, RenewalEvent } from '../../domain/renewal/ports.ts';
import type { ManagedOutcome, Metrics } from '../../base/metrics.ts';
import type { Rate } from '../../base/rate.ts';
import { Budget } from '../../scheduler/budget.ts';
import { Scheduler } from '../../scheduler/loop.ts';
import { toHex } from '../../x509/bytes.ts';
import { formatSerial, readCertificate } from '../../x509/certificate.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import type { OpenedData } from '../open.ts';
import { packageVersion } from '../package.ts';
import { secretBox } from '../secret-box.ts';
import { obtainOwn } from './own-source.ts';
import { probeOf, targetOf } from './places.ts';
import { ProgressBoard } from './progress.ts';
import { PublicSource } from './public-source.ts';
import { Rounds } from './rounds.ts';

export interface RenewalOptions {
  readonly opened: OpenedData;
  readonly config: Configuration;
  readonly log: Log;
  readonly issuance: IssuancePorts;
  /** Revokes one of ours with the reason superseded. */
  readonly revokeOwn: (serial: string) => Promise<void>;
  readonly metrics: Pick<Metrics, 'managedRenewal' | 'deliveryFailed'>;
}

export interface RenewalService {
  readonly scheduler: Scheduler;
  readonly publicSource: PublicSource;
  readonly progress: ProgressBoard;
  readonly rounds: Rounds;
  /** What is due is taken: about once a second. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

const OUTCOMES: readonly ManagedOutcome[] = [
  'renewed',
  'order-failed',
  'not-served',
  'rolled-back',
  'degraded',
];

/** What one server does for itself: far below what the pipeline can, so that requests of others never wait. */
const OWN_ORDERS: Rate = { burst: 50, interval: SECOND / 50 };
const DELIVERIES: Rate = { burst: 50, interval: SECOND / 50 };

export function openRenewal(options: RenewalOptions): RenewalService {
  const { opened, config, log, issuance, metrics } = options;
  const { store, clock, random, keyring, authority } = opened;
  const box = secretBox(keyring, random);
  const draft = (
    event: AuditDraft['event'],
    outcome: AuditDraft['outcome'],
    details: AuditDraft['details'],
  ): AuditDraft => ({
    time: clock.now(),
    event,
    outcome,
    principal: 'system:managed',
    door: 'internal',
    requestId: 'managed',
    details,
  });
  const publicSource = new PublicSource({
    clock,
    random,
    store: store.publicAuthorities,
    box,
    paths: config.delivery.paths,
    userAgent: `chancery/${packageVersion()}`,
    draft: (event, details) => draft(event, 'allowed', details),
  });
  const source: CertificateSource = {
    obtain: (ask) =>
      ask.managed.wish.source.kind === 'own' ? obtainOwn(ask, issuance, authority) : publicSource.obtain(ask),
    window: (issuedBy, leaf) =>
      authority.generation(issuedBy) === undefined
        ? publicSource.window(issuedBy, leaf)
        : Promise.resolve(undefined),
    revoke: (issuedBy, leaf) =>
      authority.generation(issuedBy) === undefined
        ? publicSource.revoke(issuedBy, leaf)
        : options.revokeOwn(formatSerial(readCertificate(leaf).serial)),
  };
  const limits = (name: string): number => {
    const found = store.publicAuthorities.authorities().find((one) => one.name === name);
    return (found?.spec as { limits?: { orders?: number } } | undefined)?.limits?.orders ?? 300;
  };
  const budget = new Budget(clock, (lane) => {
    if (lane.startsWith('order:public:')) {
      const orders = limits(lane.slice('order:public:'.length));
      return { burst: Math.max(1, Math.floor(orders / 10)), interval: Math.ceil((3 * HOUR) / orders) };
    }
    if (lane.startsWith('order:')) return OWN_ORDERS;
    return lane.startsWith('deliver:') ? DELIVERIES : undefined;
  });
  const progress = new ProgressBoard(clock);
  const retires = (issuedBy: string): boolean => {
    const generation = authority.generation(issuedBy);
    return (
      generation !== undefined &&
      (generation.stopped !== null ||
        typeof generation.revokedAt === 'number' ||
        ['superseded', 'retired'].includes(authority.state(generation)))
    );
  };
  const scheduler = new Scheduler({
    clock,
    random,
    log,
    store: store.managed,
    source,
    box,
    makeKey: async (algorithm) => exportPkcs8((await generateKeyPair(algorithm)).privateKey),
    target: (wish) => targetOf(wish, config),
    probe: probeOf,
    rootsFor(issuedBy) {
      const generation = authority.generation(issuedBy);
      const root = generation && authority.root(generation.root);
      return root === undefined ? [] : [root.certificate.raw];
    },
    issuerRetires: retires,
    verdictOn({ serial, issuedBy, spki }) {
      if (store.ledger.isKeyBlocked(toHex(readPublicKey(spki).fingerprint))) return 'compromised';
      if (authority.generation(issuedBy) === undefined) return null;
      return typeof store.ledger.findRevocation(serial) === 'number' ? 'revoked' : null;
    },
    budget: budget.take,
    emit: count,
    report: (managed, version, message) => {
      progress.report(managed, version, message);
      log.info(message, { managed, version });
    },
    draft,
  });
  const rounds = new Rounds({
    clock,
    store: store.managed,
    hasToGo: ({ serial, issuedBy }) =>
      retires(issuedBy) ||
      (authority.generation(issuedBy) !== undefined &&
        typeof store.ledger.findRevocation(serial) === 'number'),
    keyIsBlocked(managed, version) {
      const [leaf] = store.managed.material(managed, version)?.certificates ?? [];
      if (leaf === undefined) return false;
      const { spki } = readCertificate(leaf, 'either');
      return store.ledger.isKeyBlocked(toHex(readPublicKey(spki).fingerprint));
    },
    serialsWithKey: (key) =>
      store.inventory
        .search({ keyFingerprint: key }, clock.now(), 100)
        .certificates.map(({ serial }) => serial),
    stopwatch: () => performance.now(),
  });
  return {
    scheduler,
    publicSource,
    progress,
    rounds,
    async tick() {
      await rounds.tick();
      await scheduler.tick();
    },
    async stop() {
      progress.stop();
      await scheduler.stop();
    },
  };

  function count({ type, managed, target }: RenewalEvent): void {
    if (type === 'delivery-failed') metrics.deliveryFailed(target ?? 'unknown');
    const outcome = OUTCOMES.find((known) => known === type);
    if (outcome === undefined) return;
    const kind = store.managed.find(managed)?.wish.source.kind;
    if (kind !== undefined) metrics.managedRenewal(kind, outcome);
  }
}
