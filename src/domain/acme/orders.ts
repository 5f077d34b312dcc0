/** newOrder, and reading an order (RFC 8555 7.4). */
import { formatInstant, type Instant } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import { type Ask, decide, refusal } from '../identity/authorize.ts';
import { formatNameKey, type Name } from '../identity/names.ts';
import { principalId, principalIds } from '../identity/principal.ts';
import { grantsOf } from '../identity/token-login.ts';
import { decideLifetime } from '../issuance/lifetime.ts';
import { checkNames, type Profile } from '../issuance/profile.ts';
import { findProfile } from '../issuance/selection.ts';
import type { AuditDraft } from '../audit/entry.ts';
import { accountPrincipalId } from './account.ts';
import { acmeDraft } from './acme-audit.ts';
import { AUTHORIZATION_LIFE, type AcmeAuthorization, SEED_OCTETS } from './authorization.ts';
import { type AcmePorts, type AcmeReply, principalOf, resourceUrl, vouching } from './context.ts';
import { isPreauthorized, type StoredExternalKey } from './external-key.ts';
import { compound, identifierOf, parseIdentifiers } from './identifier.ts';
import { isId, newId } from './ids.ts';
import { type AcmeOrder, ORDER_LIFE, orderStatus, type OrderStatus } from './order.ts';
import { AcmeProblem, asProblem, notFound, PROBLEM_NAMESPACE, type Subproblem } from './problem.ts';
import { certificateFor, failureOf, lookAt, newOrderFor, newOrderOf, takeRate } from './rate-limit.ts';
import { certificateId, readReplaces } from './renewal-info.ts';
import { checkLifetime, readValidity } from './order-validity.ts';
import { type AccountRequest, requirePayload, requirePostAsGet } from './request.ts';
import { requireTerms } from './terms.ts';

export async function newOrder(ports: AcmePorts, request: AccountRequest): Promise<AcmeReply> {
  const { account, call } = request;
  const { directory } = call;
  const payload = requirePayload(request);
  requireTerms(directory, account);
  const { clock, random } = ports.issuance;
  const now = clock.now();
  const names = parseIdentifiers(payload['identifiers']);
  const key = account.externalKey === null ? undefined : ports.store.externalKeys.find(account.externalKey);
  const profile = chooseProfile(ports, request, key, payload['profile']);
  const { notBefore, notAfter } = readValidity(payload, now);
  const replaces = readReplaces(ports, request, payload['replaces'], names);
  await authorizeOrder(ports, request, profile, names, now, notAfter);
  await takeRate(ports, [
    newOrderOf(account),
    // RFC 9773 5: what replaces a certificate, which happens once, must not wait in a mass replacement
    ...(replaces === null ? [...names.map(newOrderFor), lookAt(certificateFor(account, names))] : []),
    ...names.map((name) => lookAt(failureOf(account, name))),
  ]);

  const authorizations = names.map((name): AcmeAuthorization => {
    const wildcard = name.kind === 'dns' && name.value.startsWith('*.');
    return {
      id: newId(random, now),
      issuer: directory.issuer,
      account: account.id,
      name: wildcard ? { kind: 'dns', value: name.value.slice(2) } : name,
      wildcard,
      seed: random.bytes(SEED_OCTETS),
      createdAt: now,
      expiresAt: now + AUTHORIZATION_LIFE,
      deactivatedAt: null,
      preauthorizedBy: key !== undefined && isPreauthorized(key, name, now) ? key.id : null,
      attempts: [],
    };
  });
  const order: AcmeOrder = {
    id: newId(random, now),
    issuer: directory.issuer,
    account: account.id,
    names,
    authorizations: authorizations.map(({ id }) => id),
    profile: profile.name,
    notBefore,
    notAfter,
    replaces,
    createdAt: now,
    expiresAt: now + ORDER_LIFE,
    certificate: null,
    refusal: null,
  };
  const vouches = vouching(ports, now);
  const added = await ports.store.orders.add(
    order,
    authorizations,
    skippedChallenges(request, order, authorizations, names, now),
    (other, its) => orderStatus(other, its, now, vouches) !== 'invalid',
  );
  if (added === 'replaced')
    throw new AcmeProblem('alreadyReplaced', 'another order replaces this certificate already (RFC 9773 5)');
  return { ...orderReply(ports, order, authorizations), status: 201 };
}

/** Each challenge that an external key makes unnecessary is on record (what stands in for the proof is the key). */
function skippedChallenges(
  { account, call }: AccountRequest,
  order: AcmeOrder,
  authorizations: readonly AcmeAuthorization[],
  names: readonly Name[],
  now: Instant,
): AuditDraft[] {
  const actor = { principal: accountPrincipalId(account), door: call.door };
  return authorizations.flatMap(({ preauthorizedBy }, i) => {
    const name = names[i];
    if (preauthorizedBy === null || name === undefined) return [];
    const details = { order: order.id, name: formatNameKey(name), externalKey: preauthorizedBy };
    return [acmeDraft(now, actor, 'acme.name.preauthorized', 'allowed', details)];
  });
}

/** draft-ietf-acme-profiles: one of the directory's, that of the external key, or the first. Throws `invalidProfile`. */
function chooseProfile(
  { issuance }: AcmePorts,
  { call }: AccountRequest,
  key: StoredExternalKey | undefined,
  asked: unknown,
): Profile {
  const { profiles } = call.directory;
  const allowed =
    key === undefined || key.profile === null ? profiles : profiles.filter((name) => name === key.profile);
  const name = asked === undefined ? allowed[0] : asked;
  if (typeof name === 'string' && allowed.includes(name)) return findProfile(issuance.profiles, name);
  throw new AcmeProblem(
    'invalidProfile',
    `the profile ${JSON.stringify(name ?? null).slice(0, 80)} is none of those for this account: ${allowed.join(', ') || 'there is none'}`,
  );
}

/** What the account may have, asked before anybody proves anything. Throws `rejectedIdentifier` with the explanation. */
async function authorizeOrder(
  ports: AcmePorts,
  { account, call }: AccountRequest,
  profile: Profile,
  names: readonly Name[],
  now: Instant,
  notAfter: Instant | null,
): Promise<void> {
  const { issuance } = ports;
  const principal = principalOf(ports, account);
  const grants = grantsOf(principal, issuance.grants());
  const ask: Ask = {
    principalIds: principalIds(principal),
    verb: 'issue',
    issuer: call.directory.issuer,
    profile: profile.name,
    names,
  };
  const asked = notAfter === null ? undefined : notAfter - now;
  if (asked !== undefined) checkLifetime(profile, asked);
  try {
    checkNames(profile, names, issuance.trustDomain);
    const { decision } = decideLifetime(grants, ask, profile, asked, issuance.trustDomain);
    if (decision.allowed) return;
    throw refusal(decision, ask);
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    await issuance.ledger.record({
      audit: [
        acmeDraft(
          now,
          { principal: principalId(principal), door: call.door },
          'certificate.refused',
          'refused',
          {
            issuer: ask.issuer,
            profile: profile.name,
            names: names.map(formatNameKey),
            code: error.code,
            reason: error.detail.message.slice(0, 500),
            brokenRule: error.detail.rule?.slice(0, 500) ?? null,
          },
        ),
      ],
    });
    const problem = asProblem(error);
    if (problem.type !== 'rejectedIdentifier' || error.code !== 'not_granted') throw problem;
    const refused = names.filter(
      (name) => !decide(grants, { ...ask, names: [name] }, issuance.trustDomain).allowed,
    );
    throw rejected(problem, refused.length === 0 ? names : refused);
  }
}

function rejected(problem: AcmeProblem, names: readonly Name[]): AcmeProblem {
  const faults = names.map((name): Subproblem => {
    const identifier = identifierOf(name);
    return { type: 'rejectedIdentifier', detail: `${identifier.value} is not granted`, identifier };
  });
  return new AcmeProblem('rejectedIdentifier', {
    ...problem.detail,
    subproblems: compound(faults).detail.subproblems ?? faults,
  });
}

/** Orders that a certificate is being made for in this process. */
const finalizing = new Set<string>();
export const isFinalizing = (id: string): boolean => finalizing.has(id);
export async function whileFinalizing<T>(id: string, work: () => Promise<T>): Promise<T> {
  finalizing.add(id);
  try {
    return await work();
  } finally {
    finalizing.delete(id);
  }
}

/** The order of the account, or the answer that there is none: others' are not told apart. */
export function findOrder({ store }: AcmePorts, { account, call }: AccountRequest): AcmeOrder {
  const order = call.id !== undefined && isId(call.id) ? store.orders.find(call.id) : undefined;
  if (order === undefined || order.account !== account.id || order.issuer !== call.directory.issuer)
    throw notFound('order of yours');
  return order;
}

export const authorizationsOf = ({ store }: AcmePorts, order: AcmeOrder): AcmeAuthorization[] =>
  order.authorizations.flatMap((id) => store.authorizations.find(id) ?? []);

export function statusOf(
  ports: AcmePorts,
  order: AcmeOrder,
  authorizations: readonly AcmeAuthorization[],
): OrderStatus {
  const now = ports.issuance.clock.now();
  return orderStatus(order, authorizations, now, vouching(ports, now), isFinalizing(order.id));
}

/** RFC 8555 7.1.2.1: a list of orders leaves out those that came to nothing. */
export const orderIsOver = (ports: AcmePorts, order: AcmeOrder): boolean =>
  order.certificate === null && statusOf(ports, order, authorizationsOf(ports, order)) === 'invalid';

export function order(ports: AcmePorts, request: AccountRequest): AcmeReply {
  requirePostAsGet(request);
  const found = findOrder(ports, request);
  return orderReply(ports, found, found.certificate === null ? authorizationsOf(ports, found) : []);
}

/** The order object (RFC 8555 7.1.3), with its own URL: some clients look for it in every answer about an order. */
export function orderReply(
  ports: AcmePorts,
  one: AcmeOrder,
  authorizations: readonly AcmeAuthorization[],
): AcmeReply {
  const { issuer, id, certificate } = one;
  const status = statusOf(ports, one, authorizations);
  const url = resourceUrl(ports, issuer, 'order', id);
  return {
    status: 200,
    location: url,
    ...(status === 'processing' && { retryAfter: 1 }),
    body: {
      status,
      expires: formatInstant(one.expiresAt),
      identifiers: one.names.map(identifierOf),
      profile: one.profile,
      ...(one.notBefore !== null && { notBefore: formatInstant(one.notBefore) }),
      ...(one.notAfter !== null && { notAfter: formatInstant(one.notAfter) }),
      ...(one.replaces !== null && { replaces: certificateId(ports, one.replaces) }),
      ...(status === 'invalid' && { error: orderError(authorizations) }),
      authorizations: one.authorizations.map((authorization) =>
        resourceUrl(ports, issuer, 'authz', authorization),
      ),
      finalize: `${url}/finalize`,
      ...(certificate !== null && { certificate: resourceUrl(ports, issuer, 'certificate', certificate) }),
    },
  };
}

/** Why an order came to nothing: the first challenge that failed, else its age. */
function orderError(authorizations: readonly AcmeAuthorization[]): object {
  const failed = authorizations.find(({ attempts }) => attempts.some(({ problem }) => problem !== null));
  const problem = failed?.attempts.find((attempt) => attempt.problem !== null)?.problem;
  return problem === undefined || problem === null
    ? {
        type: `${PROBLEM_NAMESPACE}unauthorized`,
        detail: 'not all authorizations of the order became and stayed valid in time',
      }
    : {
        type: PROBLEM_NAMESPACE + problem.type,
        detail: problem.detail,
        // RFC 8555 6.7.1: an identifier stands in a subproblem only
        ...(failed !== undefined && {
          subproblems: [
            {
              type: PROBLEM_NAMESPACE + problem.type,
              detail: problem.detail,
              identifier: identifierOf(failed.name),
            },
          ],
        }),
      };
}
