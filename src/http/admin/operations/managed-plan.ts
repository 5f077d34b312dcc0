/** The load to come, before a change is saved. */
import type { z } from 'zod';
import type { PlanQuery, PlanRequest, RenewalPlan } from '../../../api/renewal-plan.ts';
import { isFirst } from '../../../domain/renewal/due.ts';
import { LoadPlan, type Planned } from '../../../domain/renewal/plan.ts';
import { versionState } from '../../../domain/renewal/version.ts';
import type { ManagedCertificate } from '../../../domain/renewal/managed.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';

/** As many are read before others get their turn. */
const PAGE = 200;

export const managedPlanOperations = ({ managed, clock }: AdminPorts) => {
  const planned = (one: ManagedCertificate, isSame: boolean): Planned => {
    const current = isSame
      ? managed.store.living(one.name).findLast((version) => versionState(version) === 'current')
      : undefined;
    return {
      managed: one,
      certificate: current?.certificate ?? undefined,
      first: current !== undefined && isFirst(current),
    };
  };

  const plan = async (days: number, documents: PlanRequest['documents']): Promise<Reply> => {
    const load = new LoadPlan(clock.now(), days);
    const coming = documents.filter(({ kind }) => kind === 'PublicAuthority').map(({ name }) => name);
    const wishes = new Map(
      documents.flatMap((document) =>
        document.kind === 'ManagedCertificate'
          ? [[document.name, managed.readWish(document.spec, coming)] as const]
          : [],
      ),
    );
    for (let after: string | undefined; ;) {
      const page = managed.store.list({ limit: PAGE, after });
      for (const one of page) {
        const wish = wishes.get(one.name);
        wishes.delete(one.name);
        const isSame = wish === undefined || managed.sameCertificate(one.wish, wish);
        load.add(planned(wish === undefined ? one : { ...one, wish }, isSame));
      }
      after = page.at(-1)?.name;
      if (page.length < PAGE) break;
      await managed.pause();
    }
    for (const [name, wish] of wishes) load.add(planned(unsaved(name, wish), false));
    const body: RenewalPlan = {
      days,
      lanes: load.lanes().map((lane) => ({ ...lane, perDay: [...lane.perDay] })),
    };
    return { body };
  };

  return {
    managedPlan: ({ query }: Exchange<unknown, z.infer<typeof PlanQuery>>): Promise<Reply> =>
      plan(query.days, []),
    planDocuments: ({ body }: Exchange<PlanRequest>): Promise<Reply> => plan(body.days, body.documents),
  };

  function unsaved(name: string, wish: ManagedCertificate['wish']): ManagedCertificate {
    return {
      name,
      wish,
      set: null,
      written: {},
      revision: 1,
      createdAt: clock.now(),
      pausedAt: null,
      renewAskedAt: null,
      retryAskedAt: null,
      heldUntil: 0,
      failures: 0,
    };
  }
};
