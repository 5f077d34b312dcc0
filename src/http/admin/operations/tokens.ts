/** Operations on enrolment tokens. Whoever makes one has to be allowed to issue what it stands for. */
import type { CreatedToken, TokenRequest, TokenResource } from '../../../api/tokens.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { type Duration, formatDuration, formatInstant, type Instant } from '../../../base/clock.ts';
import { authorizeEverywhere, refusal } from '../../../domain/identity/authorize.ts';
import { parseNames, toNameLists } from '../../../domain/identity/names.ts';
import { principalId, principalIds } from '../../../domain/identity/principal.ts';
import { formatTokenString, SECRET_OCTETS } from '../../../domain/identity/token-string.ts';
import { MAX_TOKEN_LIFE, type StoredToken, type Token, tokenState } from '../../../domain/identity/token.ts';
import { decideLifetime } from '../../../domain/issuance/lifetime.ts';
import { checkNames } from '../../../domain/issuance/profile.ts';
import { findIssuer, findProfile } from '../../../domain/issuance/selection.ts';
import { sha256, toHex } from '../../../x509/bytes.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { draft } from '../draft.ts';
import { requireMatch } from '../etag.ts';
import type { AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';
import { parseTtl } from './issuing.ts';

type ById = Exchange<unknown, unknown, { id: string }>;

export const tokenOperations = (ports: AdminPorts) => {
  const { tokens, issuance, clock, trustDomain, enrolment } = ports;

  return {
    createToken: async (exchange: Exchange<TokenRequest>): Promise<Reply> => {
      const { body, principal, door } = exchange;
      const now = clock.now();
      const { token, rule } = await recordingRefusal(ports, exchange, () => plan(body, principal, now));
      const secret = issuance.random.bytes(SECRET_OCTETS);
      const details = {
        token: token.id,
        issuer: token.issuer,
        profile: token.profile,
        names: namesOf(token),
        uses: token.uses,
        rule,
        expiresAt: formatInstant(token.expiresAt),
      };
      await tokens.add(token, sha256(secret), [
        draft(ports, 'token.created', 'allowed', principal, door, details),
      ]);
      const created: CreatedToken = {
        ...renderToken({ ...token, used: 0, revokedAt: null }, now),
        token: formatTokenString({ ...enrolment(), secret }),
      };
      return { body: created };
    },

    listTokens: ({ query }: Exchange<unknown, { limit: number }>): Reply => ({
      body: { tokens: tokens.list(query.limit).map((token) => renderToken(token, clock.now())) },
    }),

    showToken: ({ params }: ById): Reply => ({ body: renderToken(find(params.id), clock.now()) }),

    revokeToken: async (exchange: ById): Promise<Reply> => {
      const { params, principal, door, ifMatch } = exchange;
      const token = find(params.id);
      if (token.createdBy !== principalId(principal))
        await recordingRefusal(ports, exchange, () =>
          authorizeEverywhere(ports.grants.of(principal), principal, 'admin', trustDomain),
        );
      requireMatch(ifMatch, renderToken(token, clock.now()));
      await tokens.revoke(token.id, clock.now(), [
        draft(ports, 'token.revoked', 'allowed', principal, door, { token: token.id }),
      ]);
      return { empty: true };
    },
  };

  /** The token, and the grant that lets its maker hand it out. */
  function plan(
    body: TokenRequest,
    principal: Exchange['principal'],
    now: Instant,
  ): { token: Token; rule: string } {
    const profile = findProfile(issuance.profiles, body.profile);
    const issuer = findIssuer(issuance.issuers, body.issuer, profile).policy.name;
    const names = parseNames(body.names as Parameters<typeof parseNames>[0]);
    checkNames(profile, names, trustDomain);
    const ask = {
      principalIds: principalIds(principal),
      verb: 'issue' as const,
      issuer,
      profile: profile.name,
      names,
    };
    const { decision, ttl } = decideLifetime(
      ports.grants.of(principal),
      ask,
      profile,
      parseTtl(body.maxTtl),
      trustDomain,
    );
    if (!decision.allowed) throw refusal(decision, ask);
    // what the maker holds for a shorter time only, nobody gets for longer through a token
    const maxTtl: Duration | null = body.maxTtl === undefined ? (decision.maxTtl ?? null) : ttl;
    return {
      rule: decision.rule,
      token: {
        id: toHex(issuance.random.bytes(10)),
        issuer,
        profile: profile.name,
        names,
        maxTtl,
        uses: body.uses,
        expiresAt: now + lifeOf(body.expiresIn),
        createdBy: principalId(principal),
        createdAt: now,
        owner: body.owner ?? null,
      },
    };
  }

  function find(id: string): StoredToken {
    const token = tokens.find(id);
    if (token !== undefined) return token;
    throw new ChanceryError('not_found', {
      message: `there is no token ${JSON.stringify(id)}`,
      rule: 'tokens are known by the id that was printed beside the secret',
      fix: 'See `chancery token list`.',
    });
  }
};

function lifeOf(text: string): Duration {
  const life = parseTtl(text) ?? 0;
  if (life <= MAX_TOKEN_LIFE) return life;
  throw new ChanceryError('invalid_request', {
    message: `expiresIn is ${JSON.stringify(text)}`,
    rule: `a token lives for at most ${formatDuration(MAX_TOKEN_LIFE)}`,
    fix: 'Make a shorter one; another is made when it is needed.',
  });
}

const namesOf = ({ names }: Token): string[] => names.map(({ kind, value }) => `${kind}:${value}`);

const renderToken = (token: StoredToken, now: Instant): TokenResource => ({
  id: token.id,
  state: tokenState(token, now),
  issuer: token.issuer,
  profile: token.profile,
  names: toNameLists(token.names) as TokenResource['names'],
  uses: token.uses,
  used: token.used,
  expiresAt: formatInstant(token.expiresAt),
  ...(token.maxTtl === null ? {} : { maxTtl: formatDuration(token.maxTtl) }),
  ...(token.owner === null ? {} : { owner: token.owner }),
  createdBy: token.createdBy,
  createdAt: formatInstant(token.createdAt),
  ...(token.revokedAt === null ? {} : { revokedAt: formatInstant(token.revokedAt) }),
});
