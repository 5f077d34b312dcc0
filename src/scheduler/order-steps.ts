/** A version comes to be: its key, then its certificate. */
import { DAY, formatInstant, type Instant } from '../base/clock.ts';
import { isChanceryError } from '../base/errors.ts';
import { OrderFault } from '../domain/renewal/ports.ts';
import type { StartReason } from '../domain/renewal/reconcile.ts';
import * as facts from '../domain/renewal/transitions.ts';
import type { IssuedFacts } from '../domain/renewal/version.ts';
import type { Bytes } from '../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../x509/certificate.ts';
import type { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';
import { draw, said, tell } from './telling.ts';

/** An order that is older is given up for a new one. */
const ORDER_PATIENCE = 7 * DAY;

/** The key is made first and on record before anybody is asked to certify it. */
export async function start(desk: Desk, ports: SchedulerPorts, reason: StartReason): Promise<void> {
  const managed = desk.managed();
  if (managed === undefined) return;
  const { clock, box, store, makeKey } = ports;
  const number = (store.history(managed.name, 1)[0]?.number ?? 0) + 1;
  const before = desk.current();
  const reused =
    managed.wish.key.reuse && before !== undefined && before.certificate?.bad === null
      ? desk.privateKey(before.number)
      : undefined;
  const key = reused ?? (await makeKey(managed.wish.key.algorithm));
  const version = facts.startedVersion(managed, number, reason, clock.now());
  await desk.record(() => ({
    // who asked again meanwhile gets another one
    managed: (now) => ({
      ...now,
      renewAskedAt: now.renewAskedAt === managed.renewAskedAt ? null : now.renewAskedAt,
    }),
    versions: [version],
    materials: [{ version: number, sealedKey: box.seal(key, desk.sealContext(number)) }],
    audit: [ports.draft('managed.started', 'allowed', { managed: managed.name, version: number, reason })],
  }));
}

export async function order(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  signal: AbortSignal,
): Promise<void> {
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
    // we stop, or somebody else took it over: it is no failure of the CA
    if (isChanceryError(error) && ['shutting_down', 'claim_lost'].includes(error.code)) throw error;
    if (signal.aborted) return;
    const fault = error instanceof OrderFault ? error : undefined;
    const cause = said(error);
    const now = clock.now();
    // a key that cannot be opened is not certified, however often it is tried; nor is an order finished after a week
    const hopeless =
      (isChanceryError(error) && error.code === 'damaged_key') ||
      now - desk.version(number).createdAt > ORDER_PATIENCE;
    if (fault?.over === true || hopeless) {
      const drawn = draw(ports);
      await desk.record(() => ({
        managed: (found) => facts.held(found, now, drawn, fault?.retryAt),
        versions: [facts.orderFailed(desk.version(number), cause, now)],
        materials: [{ version: number, sealedKey: null, order: null }],
        audit: [
          ports.draft('managed.order-failed', 'failed', {
            managed: managed.name,
            version: number,
            cause,
            nextTryAt: formatInstant(facts.held(managed, now, drawn, fault?.retryAt).heldUntil),
          }),
        ],
      }));
      tell(
        ports,
        { ...facts.startedVersion(managed, number, 'due', now) },
        'order-failed',
        cause,
        store.find(managed.name)?.heldUntil ?? null,
      );
    } else {
      const delayed = facts.orderDelayed(desk.version(number), cause, now, draw(ports), fault?.retryAt);
      const version = await desk.change(number, () => delayed, [
        ports.draft('managed.order-failed', 'failed', {
          managed: managed.name,
          version: number,
          cause,
          nextTryAt: formatInstant(delayed.nextTryAt),
        }),
      ]);
      tell(ports, version, 'order-failed', cause, version.nextTryAt);
    }
  }
}

/** What it was ordered for is not wished for any more. */
export async function giveUp(desk: Desk, ports: SchedulerPorts, number: number): Promise<void> {
  const cause = 'the wish was changed before it was issued';
  await desk.record(() => ({
    versions: [facts.orderFailed(desk.version(number), cause, ports.clock.now())],
    materials: [{ version: number, sealedKey: null, order: null }],
    audit: [
      ports.draft('managed.order-failed', 'failed', {
        managed: desk.claim.name,
        version: number,
        cause,
        nextTryAt: formatInstant(ports.clock.now()),
      }),
    ],
  }));
  ports.report(desk.claim.name, number, cause);
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
  // it would be renewed at once, and again
  if (notAfter <= issuedAt) throw new OrderFault('the certificate that came has expired already', true);
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
