/** What is counted and logged about a running server. */
import { SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Metrics, MetricSources } from '../base/metrics.ts';
import { ROUTES } from '../api/routes.ts';
import type { Answered } from '../http/admin/exchange.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { IssuerCrls } from './crls.ts';
import type { OpenedData } from './open.ts';

export const serverMetrics = (
  { authority, store, clock }: OpenedData,
  ocspAnswers: MetricSources['ocspAnswers'],
  crls: Pick<IssuerCrls, 'view' | 'builds'>,
  published: Pick<MetricSources, 'unseenSeconds' | 'publications' | 'managed' | 'webhooks'>,
): Metrics =>
  createMetrics({
    issuerNotAfter: () =>
      authority
        .allGenerations()
        .map(({ id, certificate: { notBefore, notAfter } }) => ({ generation: id, notBefore, notAfter })),
    issuersNeedingSignature: () => authority.pending().map(({ issuer }) => issuer),
    headroomSeconds: () => headroom(store.inventory.firstExpiry(clock.now()), clock.now()),
    auditSequence: () => store.audit.last()?.sequence ?? 0,
    ocspAnswers,
    crls: () =>
      crls.view().flatMap(({ generation, scope, crl }) => {
        if (crl === undefined) return [];
        const { thisUpdate, nextUpdate, entries } = crl;
        return [
          { generation, scope: String(scope), age: (clock.now() - thisUpdate) / SECOND, nextUpdate, entries },
        ];
      }),
    crlBuilds: () => crls.builds(),
    ...published,
    storeHealthy: () => store.health().ok,
  });

const headroom = (expiry: number | undefined, now: number): number | undefined =>
  expiry === undefined ? undefined : Math.max(0, (expiry - now) / SECOND);

export function observe(metrics: Metrics, log: Log, answered: Answered): void {
  const { operation, method, status, seconds, requestId, principal, code, error } = answered;
  metrics.httpRequest(operation === 'none' ? 'none' : ROUTES[operation].path, method, status, seconds);
  if (code !== undefined) metrics.refused(code as Parameters<Metrics['refused']>[0]);
  const fields = { operation, status, requestId, principal, code, milliseconds: Math.round(seconds * 1000) };
  if (status >= 500)
    log.error('request failed', { ...fields, reason: error instanceof Error ? error.stack : undefined });
  else log.debug('request', fields);
}
