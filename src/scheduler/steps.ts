/** The steps of the loop, done: each calls one edge and records what came of it. What is decided is decided in domain/. */
import { ChanceryError } from '../base/errors.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { OrderFault, type Seen } from '../domain/renewal/ports.ts';
import { observe, observeBefore } from '../domain/renewal/proof.ts';
import type { Step } from '../domain/renewal/reconcile.ts';
import * as facts from '../domain/renewal/transitions.ts';
import { type Endpoint, type IssuedFacts, type Version, versionState } from '../domain/renewal/version.ts';
import type { Bytes } from '../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../x509/certificate.ts';
import type { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';

export async function take(
  step: Step,
  desk: Desk,
  ports: SchedulerPorts,
  signal: AbortSignal,
): Promise<void> {
  switch (step.kind) {
    case 'start':
      return start(desk, ports, step.reason);
    case 'order':
      return order(desk, ports, step.version, signal);
    case 'look-before':
      return look(desk, ports, step.version, true, signal);
    case 'probe':
      return look(desk, ports, step.version, false, signal);
    case 'deliver':
      return deliver(desk, ports, step.version, step.target);
    case 'mark':
      return mark(desk, ports, step.version, step.as);
    case 'not-served':
      return alarm(desk, ports, step.version, 'not-served', step.endpoints);
    case 'degraded':
      return alarm(desk, ports, step.version, 'degraded', step.endpoints);
    case 'roll-back':
      return rollBack(desk, ports, step.version, step.to, step.endpoints);
    case 'retire':
      return retire(desk, ports, step.version, step.lapses);
    case 'revoke':
      return revoke(desk, ports, step.version);
  }
}

const draw = ({ random }: SchedulerPorts): number => Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;

function tell(
  { clock, emit, store }: SchedulerPorts,
  version: Version,
  type: Parameters<SchedulerPorts['emit']>[0]['type'],
  cause: string | null = null,
  nextTryAt: Instant | null = null,
): void {
  emit({
    type,
    time: clock.now(),
    managed: version.managed,
    version: version.number,
    owner: store.find(version.managed)?.wish.owner ?? null,
    serial: version.certificate?.serial ?? null,
    cause,
    nextTryAt,
  });
}

/** The key is made first and on record before anybody is asked to certify it. */
async function start(desk: Desk, ports: SchedulerPorts, reason: Version['reason']): Promise<void> {
  const managed = desk.managed();
  if (managed === undefined) return;
  const { clock, box, store, makeKey } = ports;
  const number = (store.history(managed.name, 1)[0]?.number ?? 0) + 1;
  const before = desk.current();
  const reused =
    managed.wish.key.reuse && before !== undefined && before.certificate?.bad == null
      ? desk.privateKey(before.number)
      : undefined;
  const key = reused ?? (await makeKey(managed.wish.key.algorithm));
  const version = facts.startedVersion(managed, number, reason as 'due', clock.now());
  await desk.record(() => ({
    managed: { ...managed, renewAskedAt: null },
    versions: [version],
    materials: [{ version: number, sealedKey: box.seal(key, desk.sealContext(number)) }],
    audit: [ports.draft('managed.started', 'allowed', { managed: managed.name, version: number, reason })],
  }));
}

async function order(desk: Desk, ports: SchedulerPorts, number: number, signal: AbortSignal): Promise<void> {
  const managed = desk.managed();
  if (managed === undefined) return;
  const { source, clock, store } = ports;
  const before = desk.current();
  try {
    const obtained = await source.obtain({
      managed,
      version: desk.version(number),
      privateKey: desk.privateKey(number),
      replaces: before && desk.material(before.number).certificates[0],
      progress: desk.material(number).order,
      save: (progress) =>
        desk.record(() => ({ materials: [{ version: number, order: progress }], audit: [] })),
      report: (message) => ports.report(managed.name, number, message),
      signal,
    });
    const issued = factsOf(
      obtained.certificates,
      obtained.issuedBy,
      obtained.window,
      clock.now(),
      draw(ports),
    );
    await desk.record(() => ({
      versions: [facts.issued(desk.version(number), issued)],
      materials: [{ version: number, certificates: obtained.certificates }],
      audit: [
        ports.draft('managed.issued', 'allowed', {
          managed: managed.name,
          version: number,
          serial: issued.serial,
          issuedBy: issued.issuedBy,
          notAfter: formatInstant(issued.notAfter),
        }),
      ],
    }));
    tell(ports, desk.version(number), 'ordered');
  } catch (error) {
    const fault = error instanceof OrderFault ? error : undefined;
    const cause = said(error);
    const now = clock.now();
    if (fault?.over === true) {
      const held = facts.held(store.find(managed.name) ?? managed, now, draw(ports), fault.retryAt);
      await desk.record(() => ({
        managed: held,
        versions: [facts.orderFailed(desk.version(number), cause, now)],
        materials: [{ version: number, sealedKey: null, order: null }],
        audit: [
          ports.draft('managed.order-failed', 'failed', { managed: managed.name, version: number, cause }),
        ],
      }));
      tell(
        ports,
        { ...facts.startedVersion(managed, number, 'due', now) },
        'order-failed',
        cause,
        held.heldUntil,
      );
    } else {
      const version = await desk.change(number, (found) =>
        facts.orderDelayed(found, cause, now, draw(ports), fault?.retryAt),
      );
      tell(ports, version, 'order-failed', cause, version.nextTryAt);
    }
  }
}

function factsOf(
  certificates: readonly Bytes[],
  issuedBy: string,
  window: IssuedFacts['window'],
  issuedAt: Instant,
  drawn: number,
): IssuedFacts {
  const [leaf] = certificates;
  if (leaf === undefined) throw new OrderFault('an empty chain came', true);
  const { serial, notBefore, notAfter } = readCertificate(leaf, 'either');
  return {
    serial: formatSerial(serial),
    fingerprint: certificateFingerprint(leaf),
    notBefore,
    notAfter,
    issuedAt,
    issuedBy,
    draw: drawn,
    window,
    bad: null,
  };
}

async function look(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  before: boolean,
  signal: AbortSignal,
): Promise<void> {
  const managed = desk.managed();
  if (managed === undefined) return;
  const seen: Seen[] = (
    await Promise.all(
      managed.wish.probes.map(async (wish) =>
        (await ports.probe(wish).look(signal)).map((sight) => ({
          ...sight,
          probe: wish.id,
          at: ports.clock.now(),
        })),
      ),
    )
  ).flat();
  const others = desk
    .versions()
    .filter((version) => version.number !== number && version.certificate !== null)
    .map((version) => version.certificate?.fingerprint ?? '');
  await desk.change(number, (version) => {
    const endpoints: Endpoint[] = before
      ? observeBefore(seen, others)
      : observe(version.endpoints, seen, {
          fingerprint: version.certificate?.fingerprint ?? '',
          before: others,
        });
    return facts.probed(version, endpoints, ports.clock.now());
  });
}

async function deliver(desk: Desk, ports: SchedulerPorts, number: number, target: string): Promise<void> {
  const wish = desk.managed()?.wish.targets.find(({ id }) => id === target);
  if (wish === undefined) return;
  try {
    const receipt = await ports.target(wish).deliver(desk.pair(number));
    await desk.change(number, (version) => facts.delivered(version, target, ports.clock.now()), [
      ports.draft('managed.delivered', 'allowed', {
        managed: desk.claim.name,
        version: number,
        target,
        location: receipt.location,
        outcome: receipt.outcome,
        reload: receipt.reload,
      }),
    ]);
    ports.report(
      desk.claim.name,
      number,
      `stored in ${receipt.location}${receipt.reload === null ? '' : `, ${receipt.reload}`}`,
    );
  } catch (error) {
    const cause = said(error);
    const hopeless = error instanceof ChanceryError && error.code === 'delivery_refused';
    const version = await desk.change(number, (found) =>
      facts.deliveryFailed(found, target, cause, hopeless, ports.clock.now(), draw(ports)),
    );
    const delivery = version.deliveries.find((found) => found.target === target);
    // one alarm at the first failure and one when it is given up: not one for each try
    if (delivery?.attempts === 1 || delivery?.deadAt != null) {
      await desk.record(() => ({
        audit: [
          ports.draft('managed.delivery-failed', 'failed', {
            managed: desk.claim.name,
            version: number,
            target,
            cause,
            givenUp: delivery.deadAt !== null,
          }),
        ],
      }));
      tell(
        ports,
        version,
        'delivery-failed',
        `${target}: ${cause}`,
        delivery.deadAt === null ? delivery.nextTryAt : null,
      );
    }
    ports.report(desk.claim.name, number, `${target}: ${cause}`);
  }
}

async function mark(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  as: 'staged' | 'verified' | 'current',
): Promise<void> {
  const now = ports.clock.now();
  if (as !== 'current') {
    const version = await desk.change(number, (found) => facts.marked(found, as, now), [
      ports.draft(`managed.${as}`, 'allowed', { managed: desk.claim.name, version: number }),
    ]);
    tell(ports, version, as);
    ports.report(desk.claim.name, number, as);
    return;
  }
  const before = desk.versions().filter((version) => versionState(version) === 'current');
  await desk.record(() => {
    const managed = desk.managed();
    return {
      ...(managed === undefined ? {} : { managed: { ...managed, failures: 0, heldUntil: 0 } }),
      versions: [
        ...before.map((version) => facts.marked(version, 'superseded', now)),
        facts.marked(desk.version(number), 'current', now),
      ],
      audit: [
        ports.draft('managed.current', 'allowed', {
          managed: desk.claim.name,
          version: number,
          supersedes: before[0]?.number ?? null,
        }),
      ],
    };
  });
  tell(ports, desk.version(number), 'renewed');
  ports.report(desk.claim.name, number, 'current');
}

const describe = (endpoints: readonly Endpoint[]): string =>
  endpoints
    .slice(0, 5)
    .map(({ address, detail }) => `${address}: ${detail}`)
    .join('; ');

async function alarm(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  what: 'not-served' | 'degraded',
  endpoints: readonly Endpoint[],
): Promise<void> {
  const now = ports.clock.now();
  const cause = describe(endpoints);
  const version = await desk.change(
    number,
    (found) => (what === 'not-served' ? facts.notServed(found, now) : facts.degraded(found, now)),
    [ports.draft(`managed.${what}`, 'failed', { managed: desk.claim.name, version: number, cause })],
  );
  ports.log.error(
    what === 'not-served'
      ? 'a certificate is stored but not served'
      : 'a roll-back is due and no pair is fit for it',
    { managed: desk.claim.name, version: number, cause },
  );
  tell(ports, version, what, cause);
  ports.report(desk.claim.name, number, `${what}: ${cause}`);
}

async function rollBack(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  to: number,
  endpoints: readonly Endpoint[],
): Promise<void> {
  const now = ports.clock.now();
  const cause = describe(endpoints);
  await desk.record(() => {
    const managed = desk.managed();
    const { version, back } = facts.rolledBack(desk.version(number), desk.version(to), now);
    return {
      ...(managed === undefined ? {} : { managed: facts.held(managed, now, draw(ports), undefined) }),
      versions: [version, back],
      audit: [
        ports.draft('managed.rolled-back', 'failed', {
          managed: desk.claim.name,
          version: number,
          to,
          cause,
        }),
      ],
    };
  });
  ports.log.error('a certificate was rolled back', { managed: desk.claim.name, version: number, to, cause });
  tell(ports, desk.version(number), 'rolled-back', cause, desk.managed()?.heldUntil ?? null);
  ports.report(desk.claim.name, number, `rolled back to version ${to}: ${cause}`);
}

/** Targets drop what they kept of it, then its key is forgotten. */
async function retire(desk: Desk, ports: SchedulerPorts, number: number, lapses: boolean): Promise<void> {
  const managed = desk.managed();
  await Promise.all(
    (managed?.wish.targets ?? []).map((wish) =>
      ports
        .target(wish)
        .forgetPrevious()
        .catch((error: unknown) => {
          ports.log.warn('a target keeps an old pair', {
            managed: desk.claim.name,
            target: wish.id,
            reason: said(error),
          });
        }),
    ),
  );
  await desk.record(() => ({
    versions: [facts.retired(desk.version(number), lapses, ports.clock.now())],
    materials: [{ version: number, sealedKey: null }],
    audit: [ports.draft('managed.retired', 'allowed', { managed: desk.claim.name, version: number, lapses })],
  }));
}

async function revoke(desk: Desk, ports: SchedulerPorts, number: number): Promise<void> {
  const { certificate } = desk.version(number);
  const [leaf] = desk.material(number).certificates;
  if (certificate !== null && leaf !== undefined) await ports.source.revoke(certificate.issuedBy, leaf);
  const version = await desk.change(number, (found) => facts.marked(found, 'revoked', ports.clock.now()), [
    ports.draft('managed.revoked', 'allowed', {
      managed: desk.claim.name,
      version: number,
      serial: certificate?.serial ?? null,
    }),
  ]);
  tell(ports, version, 'retired');
}

/** For people and logs: errors of ours say what went wrong, others only that. */
function said(error: unknown): string {
  if (error instanceof ChanceryError || error instanceof OrderFault) return error.message;
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
}
