/** A wish is made, changed or removed: the same for one (PUT, DELETE) and for a set (apply). */
import { isDeepStrictEqual } from 'node:util';
import type { ManagedSpec } from '../../../api/managed.ts';
import { ChanceryError } from '../../../base/errors.ts';
import type { ManagedCertificate, Wish } from '../../../domain/renewal/managed.ts';
import { draft } from '../draft.ts';
import type { Exchange } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';

type Caller = Pick<Exchange, 'principal' | 'door'>;

export interface WantedWish {
  readonly name: string;
  /** `null`: it is nobody's set. */
  readonly set: string | null;
  readonly spec: ManagedSpec;
  readonly wish: Wish;
  /** As it was looked at; `undefined`: there was none. */
  readonly before: ManagedCertificate | undefined;
  /** The grants that allowed it. */
  readonly rule: string;
}

/** Objects of a set are changed through that set; one without a set can be taken into one. Throws `read_only`. */
export function requireSet(
  kind: string,
  name: string,
  before: { readonly set: string | null },
  set: string | null,
): void {
  if (before.set === null || before.set === set) return;
  throw new ChanceryError('read_only', {
    message: `the ${kind} ${name} belongs to the set ${before.set}`,
    rule: 'what a set declares is changed through that set',
    fix: `Change its file and apply it: \`chancery apply --set ${before.set} -f FILE\`.`,
  });
}

/** Delivery and proof are changed without a new certificate; a change of names, source, life or key bumps the revision. */
export async function putWish(
  ports: AdminPorts,
  caller: Caller,
  wanted: WantedWish,
): Promise<ManagedCertificate> {
  const { name, set, spec, wish, before, rule } = wanted;
  const { managed, clock } = ports;
  const revision =
    before === undefined ? 1 : before.revision + (managed.sameCertificate(before.wish, wish) ? 0 : 1);
  return managed.store.put(
    name,
    (now) => {
      requireUnchanged(name, before, now);
      return {
        createdAt: clock.now(),
        pausedAt: null,
        renewAskedAt: null,
        retryAskedAt: null,
        heldUntil: 0,
        failures: 0,
        ...now,
        name,
        set,
        wish,
        written: spec,
        revision,
        // what people have just mended is tried at once
        ...(now !== undefined && revision !== now.revision && { heldUntil: 0, failures: 0 }),
        ...(now !== undefined && { retryAskedAt: clock.now() }),
      };
    },
    [
      draft(ports, 'managed.applied', 'allowed', caller.principal, caller.door, {
        managed: name,
        set,
        revision,
        rule,
        before: before === undefined ? null : JSON.stringify(before.written),
        spec: JSON.stringify(spec),
      }),
    ],
  );
}

export const removeWish = (
  ports: AdminPorts,
  { principal, door }: Caller,
  { name, set }: ManagedCertificate,
  rule: string,
): Promise<void> =>
  ports.managed.store.remove(name, [
    draft(ports, 'managed.removed', 'allowed', principal, door, { managed: name, set, rule }),
  ]);

function requireUnchanged(
  name: string,
  seen: ManagedCertificate | undefined,
  now: ManagedCertificate | undefined,
): void {
  if (
    seen === undefined
      ? now === undefined
      : isDeepStrictEqual([seen.written, seen.set], [now?.written, now?.set])
  )
    return;
  throw new ChanceryError('precondition_failed', {
    message: now === undefined ? `${name} is gone` : `${name} was changed meanwhile`,
    rule: 'a change is made to what was seen',
    fix: 'Look at it again, then repeat the change.',
  });
}
