/** Pairs go to their targets, and leave them. */
import { formatInstant } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import * as facts from '../domain/renewal/transitions.ts';
import type { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';
import { draw, said, tell } from './telling.ts';

export async function deliver(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  target: string,
): Promise<void> {
  const wish = desk.managed()?.wish.targets.find(({ id }) => id === target);
  if (wish === undefined) return;
  try {
    const receipt = await ports.target(wish).deliver(desk.pair(number));
    await desk.change(number, (version) => facts.delivered(version, wish, ports.clock.now()), [
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
      facts.deliveryFailed(found, wish, cause, hopeless, ports.clock.now(), draw(ports)),
    );
    const delivery = version.deliveries.find((found) => found.target === target);
    // one alarm at the first failure and one when it is given up: not one for each try
    if (delivery !== undefined && (delivery.attempts === 1 || delivery.deadAt !== null)) {
      await desk.record(() => ({
        audit: [
          ports.draft('managed.delivery-failed', 'failed', {
            managed: desk.claim.name,
            version: number,
            target,
            cause,
            givenUp: delivery.deadAt !== null,
            nextTryAt: delivery.deadAt === null ? formatInstant(delivery.nextTryAt) : null,
          }),
        ],
      }));
      tell(
        ports,
        version,
        'delivery-failed',
        `${target}: ${cause}`,
        delivery.deadAt === null ? delivery.nextTryAt : null,
        wish.kind,
      );
    }
    ports.report(desk.claim.name, number, `${target}: ${cause}`);
  }
}

/** Targets drop what they kept of it, then its key is forgotten. */
export async function retire(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  lapses: boolean,
): Promise<void> {
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

export async function revoke(desk: Desk, ports: SchedulerPorts, number: number): Promise<void> {
  const { certificate } = desk.version(number);
  const [leaf] = desk.material(number).certificates;
  if (certificate !== null && leaf !== undefined)
    try {
      await ports.source.revoke(certificate.issuedBy, leaf);
    } catch (error) {
      // nothing else waits for it
      const now = ports.clock.now();
      const cause = said(error);
      await desk.change(number, (found) =>
        facts.revocationDelayed(found, certificate.notAfter <= now, cause, now, draw(ports)),
      );
      ports.log.warn('an old certificate could not be revoked', {
        managed: desk.claim.name,
        version: number,
        reason: cause,
      });
      return;
    }
  const version = await desk.change(number, (found) => facts.marked(found, 'revoked', ports.clock.now()), [
    ports.draft('managed.revoked', 'allowed', {
      managed: desk.claim.name,
      version: number,
      serial: certificate?.serial ?? null,
    }),
  ]);
  tell(ports, version, 'retired');
}
