/** Authorizations and challenges as their owner sees them (RFC 8555 7.5). */
import { formatInstant } from '../../base/clock.ts';
import { accountPrincipalId } from './account.ts';
import { acmeDraft } from './acme-audit.ts';
import {
  type AcmeAuthorization,
  authorizationExpiry,
  authorizationStatus,
  type ChallengeAttempt,
  challengeStatus,
  challengeToken,
  challengeTypes,
  type ValidationType,
} from './authorization.ts';
import { type AcmePorts, type AcmeReply, resourceUrl, vouching } from './context.ts';
import { identifierOf } from './identifier.ts';
import { isId } from './ids.ts';
import { notFound, PROBLEM_NAMESPACE } from './problem.ts';
import { type AccountRequest, malformed } from './request.ts';
import type { Validations } from './validations.ts';

function findAuthorization({ store }: AcmePorts, { account, call }: AccountRequest): AcmeAuthorization {
  const found = call.id !== undefined && isId(call.id) ? store.authorizations.find(call.id) : undefined;
  if (found === undefined || found.account !== account.id || found.issuer !== call.directory.issuer)
    throw notFound('authorization of yours');
  return found;
}

/** POST to an authorization: read it, or deactivate it (RFC 8555 7.5.2). */
export async function authorization(ports: AcmePorts, request: AccountRequest): Promise<AcmeReply> {
  const { account, call, payload } = request;
  const found = findAuthorization(ports, request);
  if (payload === undefined) return authorizationReply(ports, found);
  if (payload['status'] !== 'deactivated')
    throw malformed('the only change of an authorization is {"status": "deactivated"} (RFC 8555 7.5.2)');
  const now = ports.issuance.clock.now();
  await ports.store.authorizations.deactivate(found.id, now, [
    acmeDraft(
      now,
      { principal: accountPrincipalId(account), door: call.door },
      'acme.authorization.deactivated',
      'allowed',
      { authorization: found.id, name: `${found.name.kind}:${found.name.value}` },
    ),
  ]);
  return authorizationReply(ports, { ...found, deactivatedAt: found.deactivatedAt ?? now });
}

/** Seconds after which polling makes sense. */
const POLL_AFTER = 1;

function authorizationReply(ports: AcmePorts, one: AcmeAuthorization): AcmeReply {
  const now = ports.issuance.clock.now();
  const status = authorizationStatus(one, now, vouching(ports, now));
  const begun = one.attempts.length > 0;
  return {
    status: 200,
    ...(status === 'pending' && begun && { retryAfter: POLL_AFTER }),
    body: {
      identifier: identifierOf(one.name),
      status,
      expires: formatInstant(authorizationExpiry(one)),
      ...(one.wildcard && { wildcard: true }),
      challenges: shownTypes(one).map((type) => challengeObject(ports, one, type)),
    },
  };
}

/** While it is pending all that would do, later the one that was taken (RFC 8555 7.1.4). */
function shownTypes(one: AcmeAuthorization): ValidationType[] {
  const types = challengeTypes(one);
  const [taken] = one.attempts;
  return taken === undefined ? types : types.filter((type) => type === taken.type);
}

/** The challenge object (RFC 8555 7.1.5, 8). */
function challengeObject(ports: AcmePorts, one: AcmeAuthorization, type: ValidationType): object {
  const attempt = one.attempts.find((candidate) => candidate.type === type);
  // what stands in for a challenge that an external key made unnecessary counts from the start
  const vouched = one.preauthorizedBy !== null;
  return {
    type,
    url: resourceUrl(ports, one.issuer, 'challenge', one.id, type),
    status: vouched ? 'valid' : challengeStatus(attempt),
    token: challengeToken(one.seed, type),
    ...(vouched && { validated: formatInstant(one.createdAt) }),
    ...(attempt !== undefined && outcomeOf(attempt)),
  };
}

const outcomeOf = ({ validatedAt, problem }: ChallengeAttempt): object => ({
  ...(validatedAt !== null && { validated: formatInstant(validatedAt) }),
  ...(problem !== null && { error: problemOf(problem) }),
});

const problemOf = ({ type, detail }: NonNullable<ChallengeAttempt['problem']>): object => ({
  type: PROBLEM_NAMESPACE + type,
  detail,
});

/** POST to a challenge: read it, or say that it can be looked at now (RFC 8555 7.5.1). */
export async function challenge(
  ports: AcmePorts,
  validations: Validations,
  request: AccountRequest,
): Promise<AcmeReply> {
  const { account, call, payload } = request;
  const found = findAuthorization(ports, request);
  const type = challengeTypes(found).find((candidate) => candidate === call.part);
  if (type === undefined) throw notFound('challenge of yours');
  const now = ports.issuance.clock.now();
  if (payload === undefined || authorizationStatus(found, now, vouching(ports, now)) !== 'pending')
    return challengeReply(ports, found, type);
  // one of them was taken already: it is looked at, the others never are
  if (found.attempts.length > 0) return challengeReply(ports, found, type);
  const attempt = await validations.answer(found, type, account, call.door);
  return challengeReply(ports, { ...found, attempts: [attempt] }, type);
}

function challengeReply(ports: AcmePorts, one: AcmeAuthorization, type: ValidationType): AcmeReply {
  const attempt = one.attempts.find((candidate) => candidate.type === type);
  return {
    status: 200,
    body: challengeObject(ports, one, type),
    links: [{ url: resourceUrl(ports, one.issuer, 'authz', one.id), relation: 'up' }],
    ...(challengeStatus(attempt) === 'processing' && { retryAfter: POLL_AFTER }),
  };
}
