/**
 * One order at a public CA, from newOrder to the certificate. Every remote step is preceded by a record of what is about
 * to be done, so that a kill -9 anywhere is taken up again and nothing is ordered twice:
 * 1 intent on record 2 newOrder 3 order URL on record 4 challenges presented, seen, answered 5 finalize 6 download.
 * Between 2 and 3 the URL is unknown: the CA's list of orders is asked for it.
 */
import { type Clock, type Duration, type Instant, MINUTE, SECOND } from '../base/clock.ts';
import { AuthorityError } from './errors.ts';
import type { AcmeIdentifier, CaAuthorization, CaChallenge, CaOrder } from './resources.ts';
import type { Wire } from './wire.ts';

/** What is on record of an order. */
export interface OrderRecord {
  readonly intendedAt: Instant | null;
  readonly orderUrl: string | null;
}

/** A challenge to be solved. */
export interface Task {
  readonly identifier: AcmeIdentifier;
  readonly token: string;
  readonly keyAuthorization: string;
}

export interface Solver {
  readonly type: 'http-01' | 'dns-01' | 'tls-alpn-01';
  /** `undefined`: this solver is not for that name. */
  readonly suits: (identifier: AcmeIdentifier, wildcard: boolean) => boolean;
  /** Resolves when the CA can see it: propagation is part of presenting. */
  present(task: Task, signal: AbortSignal): Promise<void>;
  remove(task: Task): Promise<void>;
}

export interface OrderRun {
  readonly wire: Wire;
  readonly accountUrl: string;
  readonly identifiers: readonly AcmeIdentifier[];
  readonly profile: string | undefined;
  /** RFC 9773 certificate id of the predecessor. */
  readonly replaces: string | undefined;
  /** DER. */
  readonly csr: Uint8Array;
  /** In the order in which they are preferred. */
  readonly solvers: readonly Solver[];
  readonly record: OrderRecord;
  /** Durable when the promise resolves. */
  readonly save: (record: OrderRecord) => Promise<void>;
  /** What happens, for people. */
  readonly report: (message: string) => void;
  readonly clock: Clock;
  readonly sleep: (duration: Duration, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

/** So long an order may take in all; Let's Encrypt needs seconds. */
const PATIENCE: Duration = 15 * MINUTE;

/** Resolves with the URL of the certificate. Throws `AuthorityError`, or what a solver throws. */
export async function runOrder(run: OrderRun): Promise<string> {
  const deadline = run.clock.now() + PATIENCE;
  let order = await takeUp(run);
  for (;;) {
    switch (order.status) {
      case 'pending':
        await authorize(run, order, deadline);
        break;
      case 'ready':
        run.report('finalizing the order');
        order = await run.wire.finalize(order, run.csr);
        // a CA that has not seen it yet is asked again, not at once
        if (order.status === 'ready') await pause(run, undefined, deadline);
        continue;
      case 'valid':
        if (order.certificate === undefined)
          throw new AuthorityError('protocol', { detail: 'a valid order without certificate' });
        return order.certificate;
      case 'invalid':
        throw new AuthorityError('invalid', {
          detail: order.error ?? (await whyInvalid(run, order)) ?? 'the CA called the order invalid',
        });
      case 'processing':
        break;
    }
    const { retryAt, ...next } = await run.wire.order(order.url);
    if (next.status === order.status) await pause(run, retryAt, deadline);
    order = next;
  }
}

/** The order that is on record, the one that the CA made when we died, or a new one. */
async function takeUp(run: OrderRun): Promise<CaOrder> {
  const { wire, record, save, clock, report } = run;
  if (record.orderUrl !== null) {
    try {
      return await wire.order(record.orderUrl);
    } catch (error) {
      if (!(error instanceof AuthorityError) || error.problem.status !== 404) throw error;
      report('the CA has forgotten the order');
    }
  } else if (record.intendedAt !== null) {
    const found = await findLost(run);
    if (found !== undefined) {
      await save({ intendedAt: record.intendedAt, orderUrl: found.url });
      report('found the order that was cut off');
      return found;
    }
  }
  const intendedAt = clock.now();
  await save({ intendedAt, orderUrl: null });
  const order = await wire.newOrder(run);
  await save({ intendedAt, orderUrl: order.url });
  report(`ordered ${run.identifiers.map(({ value }) => value).join(', ')}`);
  return order;
}

/** An unfinished order for just these names. */
async function findLost({ wire, accountUrl, identifiers }: OrderRun): Promise<CaOrder | undefined> {
  const wanted = keyOf(identifiers);
  for (const url of (await wire.orders(accountUrl)).toReversed()) {
    const order = await wire.order(url).catch(() => undefined);
    if (
      order !== undefined &&
      (order.status === 'pending' || order.status === 'ready') &&
      keyOf(order.identifiers) === wanted
    )
      return order;
  }
  return undefined;
}

const keyOf = (identifiers: readonly AcmeIdentifier[]): string =>
  identifiers
    .map(({ type, value }) => `${type}:${value}`)
    .sort()
    .join(',');

interface Chosen {
  readonly authorization: CaAuthorization;
  readonly challenge: CaChallenge;
  readonly solver: Solver;
  readonly task: Task;
}

/** All challenges are presented before the CA is told of any: some solvers are slow, and slow side by side. */
async function authorize(run: OrderRun, order: CaOrder, deadline: Instant): Promise<void> {
  const { wire, report, signal } = run;
  const pending: CaAuthorization[] = [];
  for (const url of order.authorizations) {
    const authorization = await wire.authorization(url);
    if (authorization.status === 'pending') pending.push(authorization);
    else if (authorization.status !== 'valid') throw failedAuthorization(authorization);
  }
  const chosen = await Promise.all(pending.map((authorization) => choose(run, authorization)));
  const presented: Chosen[] = [];
  try {
    const results = await Promise.allSettled(
      chosen.map(async (one) => {
        presented.push(one);
        await one.solver.present(one.task, signal);
        report(`${one.solver.type} for ${one.task.identifier.value} can be seen`);
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    for (const { challenge } of chosen) if (challenge.status === 'pending') await wire.respond(challenge);
    for (const { authorization } of chosen) await settled(run, authorization.url, deadline);
  } finally {
    for (const { solver, task } of presented)
      await solver.remove(task).catch((error: unknown) => {
        report(`${solver.type} for ${task.identifier.value} could not be removed: ${String(error)}`);
      });
  }
}

async function choose({ wire, solvers }: OrderRun, authorization: CaAuthorization): Promise<Chosen> {
  const { identifier, wildcard, challenges } = authorization;
  for (const solver of solvers) {
    const challenge = challenges.find(({ type }) => type === solver.type);
    if (challenge === undefined || !solver.suits(identifier, wildcard)) continue;
    const keyAuthorization = await wire.keyAuthorization(challenge.token);
    return {
      authorization,
      challenge,
      solver,
      task: { identifier, token: challenge.token, keyAuthorization },
    };
  }
  throw new AuthorityError('refused', {
    detail: `no solver for ${wildcard ? '*.' : ''}${identifier.value}: the CA offers ${challenges.map(({ type }) => type).join(', ') || 'nothing'}, configured are ${solvers.map(({ type }) => type).join(', ') || 'none'}`,
  });
}

async function settled(run: OrderRun, url: string, deadline: Instant): Promise<void> {
  for (;;) {
    const authorization = await run.wire.authorization(url);
    if (authorization.status === 'valid') {
      run.report(`${authorization.identifier.value} is validated`);
      return;
    }
    if (authorization.status !== 'pending') throw failedAuthorization(authorization);
    await pause(run, authorization.retryAt, deadline);
  }
}

const failedAuthorization = ({ identifier, status, challenges }: CaAuthorization): AuthorityError =>
  new AuthorityError('invalid', {
    detail: `${identifier.value} is ${status}: ${challenges.find(({ error }) => error !== undefined)?.error ?? 'no reason'}`,
  });

async function whyInvalid({ wire }: OrderRun, { authorizations }: CaOrder): Promise<string | undefined> {
  for (const url of authorizations) {
    const authorization = await wire.authorization(url).catch(() => undefined);
    if (authorization?.status === 'invalid') return failedAuthorization(authorization).message;
  }
  return undefined;
}

async function pause(run: OrderRun, retryAt: Instant | undefined, deadline: Instant): Promise<void> {
  const now = run.clock.now();
  if (now >= deadline)
    throw new AuthorityError('unreachable', { detail: 'the CA did not finish within 15 minutes' });
  const wait = Math.min(Math.max((retryAt ?? now + SECOND) - now, SECOND / 2), 30 * SECOND, deadline - now);
  await run.sleep(wait, run.signal);
}
