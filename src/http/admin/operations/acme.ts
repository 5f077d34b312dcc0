/** Operations on the ACME server: external account keys, accounts, orders, renewal windows. */
import type {
  AcmeAccountResource,
  AcmeOrderResource,
  CreatedExternalKey,
  ExternalKeyRequest,
  ExternalKeyResource,
  ScheduledRevocationResource,
  WindowRequest,
  WindowResource,
} from '../../../api/acme.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatInstant, type Instant, parseDuration } from '../../../base/clock.ts';
import { accountPrincipalId, accountStatus, type AcmeAccount } from '../../../domain/acme/account.ts';
import {
  type AcmeAuthorization,
  authorizationStatus,
  challengeStatus,
  type Vouches,
} from '../../../domain/acme/authorization.ts';
import { vouching } from '../../../domain/acme/context.ts';
import { externalKeyState, type StoredExternalKey } from '../../../domain/acme/external-key.ts';
import { isId } from '../../../domain/acme/ids.ts';
import {
  createExternalKey,
  deactivateAccount,
  moveWindows,
  revokeExternalKey,
} from '../../../domain/acme/operator.ts';
import { type AcmeOrder, orderStatus } from '../../../domain/acme/order.ts';
import { isFinalizing } from '../../../domain/acme/orders.ts';
import { allowSchedule, cancelScheduled, schedule } from '../../../domain/revocation/schedule.ts';
import { type ScheduledRevocation, scheduledState } from '../../../domain/revocation/scheduled.ts';
import type { NameLists } from '../../../domain/identity/names.ts';
import { toBase64Url } from '../../../x509/bytes.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { parseTtl } from './issuing.ts';

type ById = Exchange<unknown, unknown, { id: string }>;
interface Page {
  readonly issuer?: string | undefined;
  readonly account?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export const acmeOperations = ({ acme, clock, schedule: ports }: AdminPorts) => {
  const { store } = acme;
  return {
    createExternalKey: async ({ body, principal, door }: Exchange<ExternalKeyRequest>): Promise<Reply> => {
      const { key, macKey } = await createExternalKey(
        acme,
        { principal, door },
        {
          issuer: body.issuer,
          name: body.name,
          names: body.names as NameLists | undefined,
          preauthorized: body.preauthorized as NameLists | undefined,
          profile: body.profile,
          uses: body.uses,
          life: parseTtl(body.expiresIn),
        },
      );
      const created: CreatedExternalKey = {
        ...renderKey(key, clock.now()),
        hmacKey: toBase64Url(macKey),
      };
      return { body: created };
    },

    listExternalKeys: ({ query }: Exchange<unknown, { limit: number }>): Reply => ({
      body: { externalKeys: store.externalKeys.list(query.limit).map((key) => renderKey(key, clock.now())) },
    }),

    revokeExternalKey: async ({ params, principal, door }: ById): Promise<Reply> => {
      await revokeExternalKey(acme, { principal, door }, params.id);
      return { empty: true };
    },

    listAcmeAccounts: ({ query }: Exchange<unknown, Page>): Reply => {
      const found = store.accounts.list(query.issuer, query.limit + 1, readCursor(query.cursor));
      return {
        body: { accounts: found.slice(0, query.limit).map(renderAccount), ...next(found, query.limit) },
      };
    },

    showAcmeAccount: ({ params }: ById): Reply => ({
      body: renderAccount(require(store.accounts.find(params.id))),
    }),

    deactivateAcmeAccount: async ({ params, principal, door }: ById): Promise<Reply> => ({
      body: renderAccount(await deactivateAccount(acme, { principal, door }, params.id)),
    }),

    listAcmeOrders: ({ query }: Exchange<unknown, Page>): Reply => {
      const { issuer, account, limit } = query;
      const found = store.orders.list(
        { ...(issuer !== undefined && { issuer }), ...(account !== undefined && { account }) },
        limit + 1,
        readCursor(query.cursor),
      );
      return {
        body: { orders: found.slice(0, limit).map((order) => renderOrder(order)), ...next(found, limit) },
      };
    },

    showAcmeOrder: ({ params }: ById): Reply => {
      const order = require(store.orders.find(params.id));
      const now = clock.now();
      const vouches = vouching(acme, now);
      const resource: AcmeOrderResource = {
        ...renderOrder(order),
        authorizations: authorizationsOf(order).map((one) => renderAuthorization(one, now, vouches)),
      };
      return { body: resource };
    },

    moveRenewalWindows: async ({ body, principal, door }: Exchange<WindowRequest>): Promise<Reply> => {
      const within = parseDuration(body.within);
      if (within === undefined)
        throw new ChanceryError('invalid_duration', {
          message: `within is ${JSON.stringify(body.within)}`,
          rule: 'a duration is written as 90d, 12h, 1h30m',
          fix: 'Write it so.',
        });
      const by = { principal, door };
      const allowed =
        body.revoke === undefined ? undefined : allowSchedule(ports, by, body.issuer, body.revoke);
      const { window, knownBy } = await moveWindows(acme, by, body.issuer, within, body.explanationUrl);
      const { issuer, issuedUntil, end } = window;
      const wish = { issuer, issuedUntil, dueAt: Math.max(knownBy, end) };
      const revocation = allowed && (await schedule(ports, by, wish, allowed));
      const resource: WindowResource = {
        issuer: window.issuer,
        issuedUntil: formatInstant(window.issuedUntil),
        start: formatInstant(window.start),
        end: formatInstant(window.end),
        knownBy: formatInstant(knownBy),
        ...(window.explanationUrl !== null && { explanationUrl: window.explanationUrl }),
        ...(revocation !== undefined && { revocation: renderScheduled(revocation, clock.now()) }),
      };
      return { body: resource };
    },

    listScheduledRevocations: ({ query }: Exchange<unknown, { limit: number }>): Reply => ({
      body: {
        revocations: ports.scheduled.list(query.limit).map((one) => renderScheduled(one, clock.now())),
      },
    }),

    cancelScheduledRevocation: async ({ params, principal, door }: ById): Promise<Reply> => ({
      body: renderScheduled(await cancelScheduled(ports, { principal, door }, params.id), clock.now()),
    }),
  };

  function authorizationsOf(order: AcmeOrder): AcmeAuthorization[] {
    return order.authorizations.flatMap((id) => store.authorizations.find(id) ?? []);
  }

  function renderOrder(order: AcmeOrder): Omit<AcmeOrderResource, 'authorizations'> {
    const now = clock.now();
    const its = order.certificate === null ? authorizationsOf(order) : [];
    return {
      id: order.id,
      issuer: order.issuer,
      account: order.account,
      status: orderStatus(order, its, now, vouching(acme, now), isFinalizing(order.id)),
      names: order.names.map(({ kind, value }) => `${kind}:${value}`),
      profile: order.profile,
      createdAt: formatInstant(order.createdAt),
      expiresAt: formatInstant(order.expiresAt),
      ...(order.certificate !== null && { certificate: order.certificate }),
      ...(order.replaces !== null && { replaces: order.replaces }),
      ...(order.refusal !== null && { refusal: order.refusal }),
    };
  }
};

function require<T>(found: T | undefined): T {
  if (found !== undefined) return found;
  throw new ChanceryError('not_found', {
    message: 'there is no such ACME object',
    rule: 'ACME accounts and orders are known by the end of their URL',
    fix: 'See `chancery acme account list` and `chancery acme order list`.',
  });
}

function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined || isId(cursor)) return cursor;
  throw new ChanceryError('invalid_cursor', {
    message: 'the cursor is not one of ours',
    rule: 'a cursor comes from the page before',
    fix: 'Begin again without it.',
  });
}

const next = (found: readonly { readonly id: string }[], limit: number): { cursor?: string } => {
  const last = found.length > limit ? found[limit - 1] : undefined;
  return last === undefined ? {} : { cursor: last.id };
};

const renderKey = (key: StoredExternalKey, now: Instant): ExternalKeyResource => ({
  kid: key.id,
  state: externalKeyState(key, now),
  issuer: key.issuer,
  name: key.name,
  ...(key.names !== null && { names: key.names as ExternalKeyResource['names'] }),
  ...(key.preauthorized !== null && { preauthorized: key.preauthorized as ExternalKeyResource['names'] }),
  ...(key.profile !== null && { profile: key.profile }),
  ...(key.uses !== null && { uses: key.uses }),
  used: key.used,
  ...(key.expiresAt !== null && { expiresAt: formatInstant(key.expiresAt) }),
  createdBy: key.createdBy,
  createdAt: formatInstant(key.createdAt),
  ...(key.revokedAt !== null && { revokedAt: formatInstant(key.revokedAt) }),
});

const renderScheduled = (one: ScheduledRevocation, now: Instant): ScheduledRevocationResource => ({
  id: one.id,
  state: scheduledState(one, now),
  issuer: one.issuer,
  issuedUntil: formatInstant(one.issuedUntil),
  reason: one.reason,
  dueAt: formatInstant(one.dueAt),
  createdBy: one.createdBy,
  createdAt: formatInstant(one.createdAt),
  ...(one.cancelledAt !== null && { cancelledAt: formatInstant(one.cancelledAt) }),
  ...(one.doneAt !== null && { doneAt: formatInstant(one.doneAt) }),
  ...(one.revoked !== null && { revoked: one.revoked }),
});

const renderAccount = (account: AcmeAccount): AcmeAccountResource => ({
  id: account.id,
  issuer: account.issuer,
  status: accountStatus(account),
  principal: accountPrincipalId(account),
  contact: [...account.contact],
  key: account.keyFingerprint,
  ...(account.externalKey !== null && { externalKey: account.externalKey }),
  ...(account.termsAgreedAt !== null && { termsAgreedAt: formatInstant(account.termsAgreedAt) }),
  createdAt: formatInstant(account.createdAt),
  ...(account.deactivatedAt !== null && { deactivatedAt: formatInstant(account.deactivatedAt) }),
});

function renderAuthorization(
  one: AcmeAuthorization,
  now: Instant,
  vouches: Vouches,
): AcmeOrderResource['authorizations'][number] {
  const [attempt] = one.attempts;
  const ended = attempt?.validatedAt ?? attempt?.failedAt ?? undefined;
  return {
    id: one.id,
    name: `${one.name.kind}:${one.wildcard ? '*.' : ''}${one.name.value}`,
    status: authorizationStatus(one, now, vouches),
    ...(one.preauthorizedBy !== null && { preauthorizedBy: one.preauthorizedBy }),
    ...(attempt !== undefined && {
      challenge: {
        type: attempt.type,
        status: challengeStatus(attempt),
        startedAt: formatInstant(attempt.startedAt),
        ...(ended !== undefined && { endedAt: formatInstant(ended) }),
        ...(attempt.problem !== null && { problem: attempt.problem }),
        log: [...attempt.log],
      },
    }),
  };
}
