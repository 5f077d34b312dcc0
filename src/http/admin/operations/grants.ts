/** Operations on grants, and explaining decisions with the code that makes them. */
import type {
  Explanation,
  ExplainRequest,
  GrantReplacement,
  GrantRequest,
  GrantResource,
} from '../../../api/grants.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatDuration, formatInstant } from '../../../base/clock.ts';
import { authorizeEverywhere, authorizeGranting } from '../../../domain/identity/authorize.ts';
import type { BookedGrant } from '../../../domain/identity/grant-book.ts';
import type { Grant, GrantSpec } from '../../../domain/identity/grant.ts';
import { parseNames, toNameLists } from '../../../domain/identity/names.ts';
import { principalId, principalIds } from '../../../domain/identity/principal.ts';
import { decideLifetime } from '../../../domain/issuance/lifetime.ts';
import { checkNames } from '../../../domain/issuance/profile.ts';
import { findIssuer, findProfile } from '../../../domain/issuance/selection.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { draft } from '../draft.ts';
import { requireMatch } from '../etag.ts';
import type { AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';
import { parseTtl } from './issuing.ts';

type ByName<Body = unknown> = Exchange<Body, unknown, { name: string }>;

export const grantOperations = (ports: AdminPorts) => {
  const { grants, issuance, trustDomain, clock } = ports;

  return {
    listGrants: (): Reply => ({ body: { grants: grants.booked().map(renderGrant) } }),

    showGrant: ({ params }: ByName): Reply => ({
      body: renderGrant(grants.find(params.name)),
    }),

    createGrant: async (exchange: Exchange<GrantRequest>): Promise<Reply> => {
      const { body, principal, door } = exchange;
      const spec = body as GrantSpec & { readonly name: string };
      const grant = grants.parse(spec);
      const rule = await recordingRefusal(ports, exchange, () =>
        authorizeGranting(grants.of(principal), principal, grant, trustDomain),
      );
      const stored = { name: grant.name, spec, createdBy: principalId(principal), createdAt: clock.now() };
      await grants.add(stored, [
        draft(ports, 'grant.created', 'allowed', principal, door, {
          grant: grant.name,
          rule,
          spec: JSON.stringify(spec),
        }),
      ]);
      return { body: renderGrant(grants.find(grant.name)) };
    },

    replaceGrant: (exchange: ByName<GrantReplacement>): Promise<Reply> =>
      grants.inTurn(async () => {
        const { body, params, principal, door, ifMatch } = exchange;
        const before = grants.findMade(params.name);
        refuseOtherName(body.name, params.name);
        const spec = { name: params.name, ...body } as GrantSpec & { readonly name: string };
        const grant = grants.parse(spec);
        // who could not have made it cannot change it, into what they hold or otherwise
        const rule = await recordingRefusal(ports, exchange, () => {
          authorizeGranting(grants.of(principal), principal, before.grant, trustDomain);
          return authorizeGranting(grants.of(principal), principal, grant, trustDomain);
        });
        requireMatch(ifMatch, renderGrant(before));
        await grants.replace({ ...before.stored, spec }, [
          draft(ports, 'grant.changed', 'allowed', principal, door, {
            grant: grant.name,
            rule,
            before: JSON.stringify(before.stored.spec),
            spec: JSON.stringify(spec),
          }),
        ]);
        return { body: renderGrant(grants.find(grant.name)) };
      }),

    deleteGrant: (exchange: ByName): Promise<Reply> =>
      grants.inTurn(async () => {
        const { params, principal, door, ifMatch } = exchange;
        const before = grants.findMade(params.name);
        // who could not have made it cannot take it away
        const rule = await recordingRefusal(ports, exchange, () =>
          authorizeGranting(grants.of(principal), principal, before.grant, trustDomain),
        );
        requireMatch(ifMatch, renderGrant(before));
        await grants.remove(before.grant.name, [
          draft(ports, 'grant.deleted', 'allowed', principal, door, { grant: before.grant.name, rule }),
        ]);
        return { empty: true };
      }),

    explainGrant: async (exchange: Exchange<ExplainRequest>): Promise<Reply> => {
      const { body, principal } = exchange;
      const own = principalIds(principal);
      if (body.principal !== undefined && !own.includes(body.principal))
        await recordingRefusal(ports, exchange, () =>
          authorizeEverywhere(grants.of(principal), principal, 'admin', trustDomain),
        );
      const ids = body.principal === undefined ? own : [body.principal];
      return { body: explain(body, ids, ids === own ? grants.of(principal) : grants.all()) };
    },
  };

  function explain(request: ExplainRequest, ids: readonly string[], deciding: readonly Grant[]): Explanation {
    const profile = findProfile(issuance.profiles, request.profile);
    const names = parseNames(request.names as Parameters<typeof parseNames>[0]);
    checkNames(profile, names, trustDomain);
    const issuer = findIssuer(issuance.issuers, request.issuer, profile).policy.name;
    const ask = { principalIds: ids, verb: request.verb, issuer, profile: profile.name, names };
    const { decision, ttl } = decideLifetime(deciding, ask, profile, parseTtl(request.ttl), trustDomain);
    return {
      allowed: decision.allowed,
      rule: decision.rule,
      ...(decision.nearest && {
        nearest: { rule: decision.nearest.rule, lacks: decision.nearest.lacks.map((lack) => ({ ...lack })) },
      }),
      request: {
        principal: ids[0] ?? '',
        verb: request.verb,
        issuer,
        profile: profile.name,
        names: toNameLists(names) as ExplainRequest['names'],
        ttl: formatDuration(ttl),
      },
    };
  }
};

function refuseOtherName(given: string | undefined, name: string): void {
  if (given === undefined || given === name) return;
  throw new ChanceryError('invalid_request', {
    message: `name: is ${JSON.stringify(given)}, in the path ${JSON.stringify(name)}`,
    rule: 'a grant keeps its name',
    fix: 'Leave the name out of the body, or make a new grant and delete this one.',
  });
}

const renderGrant = ({ grant, stored }: BookedGrant): GrantResource =>
  ({
    ...grant.spec,
    name: grant.name,
    source: grant.source,
    verbs: [...grant.spec.verbs],
    profiles: [...grant.spec.profiles],
    ...(stored && { createdBy: stored.createdBy, createdAt: formatInstant(stored.createdAt) }),
  }) as GrantResource;
