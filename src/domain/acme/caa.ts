/**
 * CAA once more before a certificate is issued (RFC 8659 3): the records may have changed since a challenge was validated,
 * and for a name that an external key vouches for nobody has looked yet.
 */
import { type Duration, HOUR, type Instant } from '../../base/clock.ts';
import { formatNameKey } from '../identity/names.ts';
import { accountPrincipalId } from './account.ts';
import { acmeDraft } from './acme-audit.ts';
import type { AcmeAuthorization } from './authorization.ts';
import { type AcmePorts, accountUrl } from './context.ts';
import { compound, identifierOf } from './identifier.ts';
import type { AcmeOrder } from './order.ts';
import type { Subproblem } from './problem.ts';
import type { AccountRequest } from './request.ts';
import type { CaaMethod } from './validation-port.ts';

/** How long what was seen counts (CA/Browser Forum BR 3.2.2.8). */
const SEEN_COUNTS: Duration = 8 * HOUR;

/** Throws `caa`, or `dns` where nobody could say, with every name that is refused. The order stays as it is. */
export async function checkCaaAgain(
  ports: AcmePorts,
  { account, call }: AccountRequest,
  order: AcmeOrder,
  authorizations: readonly AcmeAuthorization[],
): Promise<void> {
  if (call.directory.caaIdentities.length === 0) return;
  const { issuance, store, caa } = ports;
  const now = issuance.clock.now();
  // a check ends by itself in time
  const { signal } = new AbortController();
  const accountUri = accountUrl(ports, account);
  const faults = await Promise.all(
    authorizations.map(async (one): Promise<Subproblem[]> => {
      const method = one.name.kind === 'dns' ? methodToCheck(one, now) : undefined;
      if (method === undefined) return [];
      const identifier = identifierOf(one.name);
      const outcome = await caa.check({ identifier, wildcard: one.wildcard, method, accountUri }, signal);
      return outcome.ok ? [] : [{ ...outcome.problem, identifier }];
    }),
  );
  if (faults.flat().length === 0) return;
  const problem = compound(faults.flat());
  await issuance.ledger.record({
    audit: [
      acmeDraft(
        now,
        { principal: accountPrincipalId(account), door: call.door },
        'certificate.refused',
        'refused',
        {
          issuer: order.issuer,
          profile: order.profile,
          names: order.names.map(formatNameKey),
          code: problem.type,
          reason: problem.message.slice(0, 500),
          brokenRule: 'RFC 8659 3',
        },
      ),
    ],
  });
  await store.orders.refuse(order.id, problem.message.slice(0, 1000));
  throw problem;
}

/** How control was shown, where CAA was not looked at lately; `undefined` where it was. */
function methodToCheck(
  { preauthorizedBy, attempts }: AcmeAuthorization,
  now: Instant,
): CaaMethod | undefined {
  if (preauthorizedBy !== null) return 'ca-preauthorized';
  for (const { type, validatedAt } of attempts)
    if (validatedAt !== null) return now - validatedAt > SEEN_COUNTS ? type : undefined;
  return undefined;
}
