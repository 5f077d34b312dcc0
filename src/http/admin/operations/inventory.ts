/** Operations that look at what was issued. Everybody sees the rows that a `read` grant covers, and their own certificate. */
import type { CertificateList, CertificateQuery as QueryParameters } from '../../../api/certificates.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { parseInstant } from '../../../base/clock.ts';
import type { Principal } from '../../../domain/identity/principal.ts';
import { coverage } from '../../../domain/issuance/covered.ts';
import { parseLabel } from '../../../domain/issuance/labels.ts';
import type { CertificateQuery, StoredCertificate } from '../../../domain/issuance/ports.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { renderDetail, renderSummary } from './render.ts';

/** How many rows one request looks at for a caller who may see few of them. */
const SCAN_LIMIT = 2000;

export const inventoryOperations = (ports: AdminPorts) => {
  const { inventory, authority, grants, trustDomain, clock } = ports;

  const maySee = (principal: Principal, stored: StoredCertificate): boolean =>
    (principal.kind === 'mtls' && principal.serial === stored.serial) ||
    coverage(grants.of(principal), principal, 'read', stored, trustDomain).decision.allowed;

  return {
    listCertificates: ({ query, principal }: Exchange<unknown, QueryParameters>): Reply => {
      const { limit } = query;
      const now = clock.now();
      const found: StoredCertificate[] = [];
      let { cursor } = query;
      let scanned = 0;
      do {
        const page = inventory.search(toQuery(query), now, limit - found.length, cursor);
        found.push(...page.certificates.filter((stored) => maySee(principal, stored)));
        scanned += page.certificates.length;
        cursor = page.cursor;
      } while (found.length < limit && cursor !== undefined && scanned < SCAN_LIMIT);
      const body: CertificateList = {
        certificates: found.map((stored) => renderSummary(stored, now)),
        ...(cursor === undefined ? {} : { cursor }),
      };
      return { body };
    },

    showCertificate: ({ params, principal }: Exchange<unknown, unknown, { serial: string }>): Reply => {
      const stored = ports.issuance.ledger.findCertificate(params.serial);
      if (stored === undefined || !maySee(principal, stored))
        throw new ChanceryError('not_found', {
          message: `there is no certificate ${params.serial} that you may read`,
          rule: 'a `read` grant covers issuer, profile and every name of a certificate',
          fix: 'See `chancery cert list`.',
        });
      const facts = {
        revocation: ports.revocation.store.find(stored.generation, stored.serial),
        renewal: inventory.renewal(stored.serial),
      };
      return { body: renderDetail(authority, stored, facts, clock.now()) };
    },
  };
};

function toQuery({
  expiresBefore,
  label: labelText,
  limit: _limit,
  cursor: _cursor,
  ...rest
}: QueryParameters): CertificateQuery {
  const label = labelText === undefined ? undefined : parseLabel(labelText);
  const query = Object.fromEntries(
    Object.entries({ ...rest, label }).filter(([, value]) => value !== undefined),
  ) as CertificateQuery;
  if (expiresBefore === undefined) return query;
  const instant = parseInstant(expiresBefore);
  if (instant === undefined)
    throw new ChanceryError('invalid_request', {
      message: `expiresBefore is ${JSON.stringify(expiresBefore)}`,
      rule: 'RFC 3339 with a zone, e.g. 2026-01-31T00:00:00Z',
      fix: 'Write it so.',
    });
  return { ...query, expiresBefore: instant };
}
