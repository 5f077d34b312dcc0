/** Operations that revoke, and say before what that would hit. */
import type {
  ImpactRequest,
  ImpactResource,
  LeakedKeyReport,
  LeakedKeyRequest,
  RevocationReport,
  RevocationRequest,
} from '../../../api/revocations.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatInstant, type Instant, SECOND } from '../../../base/clock.ts';
import { toNameLists } from '../../../domain/identity/names.ts';
import { parseLabel } from '../../../domain/issuance/labels.ts';
import { certificateState } from '../../../domain/issuance/ports.ts';
import { type Impact, impact, type ImpactOne } from '../../../domain/revocation/impact.ts';
import { BlockBudget, revokeLeakedKey } from '../../../domain/revocation/leaked-key.ts';
import type { RevocationSearch, Selection } from '../../../domain/revocation/request.ts';
import { revoke } from '../../../domain/revocation/revoke.ts';
import { decodePemOne } from '../../../x509/pem.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { ManagedPorts } from '../managed-ports.ts';
import type { AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';

export const revocationOperations = (ports: AdminPorts) => {
  const { revocation, clock, managed } = ports;
  const budget = new BlockBudget();

  return {
    revokeCertificates: async (exchange: Exchange<RevocationRequest>): Promise<Reply> => {
      const { principal, door, body } = exchange;
      const { reason, expectedCount } = body;
      const report = await recordingRefusal(ports, exchange, () =>
        revoke(revocation, { principal, door, selection: selectionOf(body), reason, expectedCount }),
      );
      const { results, more, notices } = report;
      return {
        body: { reason, results: [...results], more, notices: [...notices] } satisfies RevocationReport,
      };
    },

    showImpact: async ({ principal, body }: Exchange<ImpactRequest>): Promise<Reply> => ({
      body: renderImpact(
        await impact(revocation, principal, selectionOf(body)),
        (serial) => deliveriesOf(managed.store, serial),
        clock.now(),
      ),
    }),

    revokeLeakedKey: async ({ body, door }: Exchange<LeakedKeyRequest>): Promise<Reply> => {
      try {
        const report = await revokeLeakedKey(revocation, body.statement, door, budget);
        const { keyFingerprint, results, more, notices } = report;
        return {
          body: {
            ...{ keyFingerprint, results: [...results], more, notices: [...notices] },
          } satisfies LeakedKeyReport,
        };
      } catch (error) {
        // nobody knows who it was: counted, not recorded one by one
        if (error instanceof ChanceryError) ports.refusedAnonymous(error, door.address);
        throw error;
      }
    },
  };
};

function selectionOf({ serials, certificate, search }: ImpactRequest): Selection {
  if (serials !== undefined) return { kind: 'serials', serials };
  if (certificate !== undefined)
    return { kind: 'certificate', der: decodePemOne(certificate, 'CERTIFICATE') };
  const { label: labelText, ...conditions } = search ?? {};
  const label = labelText === undefined ? undefined : parseLabel(labelText);
  const query = Object.fromEntries(
    Object.entries({ ...conditions, label }).filter(([, value]) => value !== undefined),
  ) as RevocationSearch;
  return { kind: 'search', search: query };
}

/** Where the loop has stored it: `shop → files:/etc/nginx/tls/shop`. */
const deliveriesOf = (store: ManagedPorts['store'], serial: string): string[] =>
  store.holding(serial).flatMap((name) =>
    store
      .living(name)
      .filter(({ certificate }) => certificate?.serial === serial)
      .flatMap(({ deliveries }) => deliveries.filter(({ storedAt }) => storedAt !== null))
      .map(({ target }) => `${name} → ${target}`),
  );

const renderImpact = (
  found: Impact,
  deliveries: (serial: string) => string[],
  now: Instant,
): ImpactResource => ({
  count: found.count,
  unrecorded: found.unrecorded,
  complete: found.complete,
  refused: found.refused,
  principals: found.principals,
  owners: found.owners,
  issuers: Object.fromEntries(found.byIssuer),
  ...(found.latest === undefined ? {} : { latestNotAfter: formatInstant(found.latest) }),
  blocksKeys: found.blocksKeys,
  certificates: found.shown.map((one) => renderOne(one, deliveries(one.certificate.serial), now)),
});

function renderOne(
  { certificate, lastRenewed, replacedBy, reach, keyBlocked }: ImpactOne,
  deliveries: string[],
  now: Instant,
): ImpactResource['certificates'][number] {
  const { serial, names, issuer, generation, profile, principal, owner, notAfter, keyFingerprint } =
    certificate;
  return {
    ...{ serial, issuer, generation, profile, principal, keyFingerprint, keyBlocked, reach },
    names: toNameLists(names) as ImpactResource['certificates'][number]['names'],
    ...(owner === null ? {} : { owner }),
    state: certificateState(certificate, now),
    notAfter: formatInstant(notAfter),
    remainingSeconds: Math.max(0, Math.floor((notAfter - now) / SECOND)),
    ...(lastRenewed === null ? {} : { lastRenewedAt: formatInstant(lastRenewed) }),
    ...(certificate.presentedAt === null ? {} : { lastPresentedAt: formatInstant(certificate.presentedAt) }),
    ...(replacedBy === null ? {} : { replacedBy }),
    deliveries,
  };
}
