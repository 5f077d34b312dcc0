/** Operations on one managed certificate. */
import { setImmediate } from 'node:timers/promises';
import type {
  ManagedHistoryQuery,
  ManagedList,
  ManagedProgress,
  ManagedProgressQuery,
  ManagedQuery,
  ManagedResource,
  ManagedSpec,
} from '../../../api/managed.ts';
import type { z } from 'zod';
import { formatInstant, SECOND } from '../../../base/clock.ts';
import { ChanceryError } from '../../../base/errors.ts';
import type { AuditEvent } from '../../../domain/audit/entry.ts';
import type { ManagedCertificate } from '../../../domain/renewal/managed.ts';
import { draft } from '../draft.ts';
import { requireMatch } from '../etag.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';
import { authorizeWish, findManaged, maySeeWish } from './managed-access.ts';
import { putWish, removeWish, requireSet } from './managed-change.ts';

type ByName<Body = unknown, Query = unknown> = Exchange<Body, Query, { name: string }>;

/** As many are looked at for one page. */
const SCAN_LIMIT = 5000;

export const managedOperations = (ports: AdminPorts) => {
  const { managed, clock } = ports;

  /** What an operator asks of the loop, beside the wish. */
  const ask = async (
    exchange: ByName,
    event: AuditEvent,
    make: (now: ManagedCertificate) => ManagedCertificate,
  ): Promise<Reply> => {
    const { params, principal, door } = exchange;
    const before = findManaged(ports, principal, params.name);
    const rule = await recordingRefusal(ports, exchange, () => authorizeWish(ports, principal, before.wish));
    const after = await managed.store.put(
      before.name,
      (now) => {
        if (now === undefined) throw gone(before.name);
        return make(now);
      },
      [draft(ports, event, 'allowed', principal, door, { managed: before.name, rule })],
    );
    return { body: managed.view(after) };
  };

  return {
    listManaged: async ({
      query,
      principal,
    }: Exchange<unknown, z.infer<typeof ManagedQuery>>): Promise<Reply> => {
      const { limit, set } = query;
      const found: ManagedResource[] = [];
      let after = readCursor(query.cursor);
      let scanned = 0;
      let more = true;
      while (more && found.length < limit && scanned < SCAN_LIMIT) {
        const page = managed.store.list({
          limit: limit - found.length,
          after,
          ...(set !== undefined && { set }),
        });
        more = page.length === limit - found.length;
        for (const one of page) if (maySeeWish(ports, principal, one.wish)) found.push(managed.view(one));
        scanned += page.length;
        after = page.at(-1)?.name ?? after;
        await setImmediate();
      }
      const body: z.infer<typeof ManagedList> = {
        managed: found,
        ...(more && after !== undefined && { cursor: Buffer.from(after).toString('base64url') }),
      };
      return { body };
    },

    getManaged: ({ params, principal }: ByName): Reply => ({
      body: managed.view(findManaged(ports, principal, params.name)),
    }),

    putManaged: async (exchange: ByName<ManagedSpec>): Promise<Reply> => {
      const { body: spec, params, principal, ifMatch } = exchange;
      const wish = managed.readWish(spec);
      const before = managed.store.find(params.name);
      // who could not have made it cannot change it, into what they hold or otherwise
      const rule = await recordingRefusal(ports, exchange, () => {
        if (before !== undefined) authorizeWish(ports, principal, before.wish);
        return authorizeWish(ports, principal, wish);
      });
      if (before !== undefined) {
        requireSet('managed certificate', before.name, before, null);
        requireMatch(ifMatch, managed.view(before));
      } else if (ifMatch !== undefined) throw gone(params.name);
      const after = await putWish(ports, exchange, {
        name: params.name,
        set: null,
        spec,
        wish,
        before,
        rule,
      });
      return { body: managed.view(after) };
    },

    deleteManaged: async (exchange: ByName): Promise<Reply> => {
      const { params, principal, ifMatch } = exchange;
      const before = findManaged(ports, principal, params.name);
      const rule = await recordingRefusal(ports, exchange, () =>
        authorizeWish(ports, principal, before.wish),
      );
      requireSet('managed certificate', before.name, before, null);
      requireMatch(ifMatch, managed.view(before));
      await removeWish(ports, exchange, before, rule);
      return { empty: true };
    },

    /** A version that is under way is pushed on; two at a time would only delay each other. */
    renewManaged: (exchange: ByName): Promise<Reply> =>
      ask(exchange, 'managed.asked', (now) =>
        isUnderWay(now.name) ? { ...now, retryAskedAt: clock.now() } : { ...now, renewAskedAt: clock.now() },
      ),

    pauseManaged: (exchange: ByName): Promise<Reply> =>
      ask(exchange, 'managed.paused', (now) => ({ ...now, pausedAt: now.pausedAt ?? clock.now() })),

    resumeManaged: (exchange: ByName): Promise<Reply> =>
      ask(exchange, 'managed.resumed', (now) => ({
        ...now,
        pausedAt: null,
        retryAskedAt: clock.now(),
        heldUntil: 0,
      })),

    managedHistory: ({
      params,
      query,
      principal,
    }: ByName<unknown, z.infer<typeof ManagedHistoryQuery>>): Reply => ({
      body: { versions: managed.versions(findManaged(ports, principal, params.name), query.limit) },
    }),

    managedProgress: async ({
      params,
      query,
      principal,
    }: ByName<unknown, z.infer<typeof ManagedProgressQuery>>): Promise<Reply> => {
      const { name } = findManaged(ports, principal, params.name);
      const lines = await managed.progress(name, query.after, query.wait * SECOND);
      const [newest] = managed.store.history(name, 1);
      const found = managed.store.find(name);
      if (found === undefined) throw gone(name);
      const body: ManagedProgress = {
        state: managed.view(found).state,
        ...(newest !== undefined && { version: newest.number }),
        sequence: lines.at(-1)?.sequence ?? query.after,
        lines: lines.map((line) => ({ ...line, time: formatInstant(line.time) })),
      };
      return { body };
    },
  };

  function isUnderWay(name: string): boolean {
    return managed.store
      .living(name)
      .some(
        ({ failedAt, currentAt, rolledBackAt, retiredAt }) =>
          failedAt === null && currentAt === null && rolledBackAt === null && retiredAt === null,
      );
  }
};

const gone = (name: string): ChanceryError =>
  new ChanceryError('precondition_failed', {
    message: `there is no managed certificate ${name}`,
    rule: 'RFC 9110 13.1.1: what is gone does not match',
    fix: 'Leave If-Match out to make it.',
  });

function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const name = Buffer.from(cursor, 'base64url').toString();
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) return name;
  throw new ChanceryError('invalid_cursor', {
    message: 'the cursor is not one of ours',
    rule: 'a cursor is given back as it came',
    fix: 'Begin at the first page.',
  });
}
