/** Endpoints are looked at, and what was seen has consequences. */
import type { Seen } from '../domain/renewal/ports.ts';
import { observe, observeBefore } from '../domain/renewal/proof.ts';
import * as facts from '../domain/renewal/transitions.ts';
import type { Endpoint } from '../domain/renewal/version.ts';
import type { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';
import { draw, tell } from './telling.ts';

export async function look(
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
  const expects = new Map(managed.wish.probes.map(({ id, expect = 1 }) => [id, expect]));
  await desk.change(number, (version) => {
    const endpoints: Endpoint[] = before
      ? observeBefore(seen, others)
      : observe(
          version.endpoints,
          seen,
          { fingerprint: version.certificate?.fingerprint ?? '', before: others },
          expects,
        );
    return facts.probed(version, endpoints, ports.clock.now());
  });
}

export async function mark(
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
  const before = facts.overtaken(desk.versions(), number);
  await desk.record(() => ({
    managed: (found) => ({ ...found, failures: 0, heldUntil: 0 }),
    versions: [
      ...before.map((version) => facts.marked(version, 'superseded', now)),
      facts.marked(desk.version(number), 'current', now),
    ],
    audit: [
      ports.draft('managed.current', 'allowed', {
        managed: desk.claim.name,
        version: number,
        supersedes: before.at(-1)?.number ?? null,
      }),
    ],
  }));
  tell(ports, desk.version(number), 'renewed');
  ports.report(desk.claim.name, number, 'current');
}

const describe = (endpoints: readonly Endpoint[]): string =>
  endpoints
    .slice(0, 5)
    .map(({ address, detail }) => `${address}: ${detail}`)
    .join('; ');

export async function alarm(
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

export async function rollBack(
  desk: Desk,
  ports: SchedulerPorts,
  number: number,
  to: number,
  endpoints: readonly Endpoint[],
): Promise<void> {
  const now = ports.clock.now();
  const cause = describe(endpoints);
  const drawn = draw(ports);
  await desk.record(() => {
    const { version, back } = facts.rolledBack(desk.version(number), desk.version(to), now);
    return {
      managed: (found) => facts.held(found, now, drawn, undefined),
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
