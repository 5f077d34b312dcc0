import { describe, expect, it } from 'vitest';
import type { MetricSources } from '../../src/base/metrics.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const SOURCES: MetricSources = {
  issuerNotAfter: () => [
    { generation: 'servers-1', notBefore: 1_700_000_000_000, notAfter: 1_800_000_000_000 },
  ],
  issuersNeedingSignature: () => ['servers'],
  headroomSeconds: () => 90,
  auditSequence: () => 42,
  ocspAnswers: () => [
    { status: 'good', cached: true, count: 7 },
    { status: 'revoked', cached: false, count: 1 },
  ],
  crls: () => [
    { generation: 'servers-1', scope: '0', age: 60, nextUpdate: 1_800_000_000_000, entries: 3 },
    { generation: 'servers-1', scope: 'full', age: 61, nextUpdate: 1_800_000_001_000, entries: 9 },
  ],
  crlBuilds: () => ({ count: 5, seconds: 1.5, refused: 1 }),
  unseenSeconds: () => 3,
  publications: () => [{ target: 'folder:/srv/status', age: 2, failures: 4 }],
  managed: () => ({
    states: [{ state: 'current', count: 7 }],
    paused: 1,
    notServed: 2,
    degraded: 3,
    deadDeliveries: 4,
    lifeUsed: 0.75,
  }),
  webhooks: () => [{ webhook: '0', behind: 5, failures: 6 }],
  storeHealthy: () => true,
};

const failing = (): never => {
  throw new Error('the store is closed');
};

describe('metrics', () => {
  it('have stable names, types and labels', async () => {
    const metrics = createMetrics(SOURCES);
    metrics.certificateIssued('servers', 'server', 'rest');
    metrics.certificateIssued('servers', 'server', 'rest');
    metrics.refused('not_granted');
    metrics.httpRequest('/api/v1/certificates', 'POST', 201, 0.003);
    metrics.revocation('keyCompromise', 'revoked');
    metrics.revocation('keyCompromise', 'raised');
    metrics.revocationVisible('ocsp', 1.5);
    metrics.managedRenewal('public', 'rolled-back');
    metrics.deliveryFailed('files');
    const { contentType, body } = await metrics.render();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const samples = body.split('\n').filter((line) => /^chancery_/.test(line) && !/_bucket|_sum/.test(line));
    expect(samples).toEqual([
      'chancery_certificates_issued_total{issuer="servers",profile="server",door="rest"} 2',
      'chancery_refusals_total{code="not_granted"} 1',
      'chancery_http_requests_total{route="/api/v1/certificates",method="POST",status="201"} 1',
      'chancery_http_request_duration_seconds_count{route="/api/v1/certificates"} 1',
      'chancery_revocations_total{reason="keyCompromise",result="revoked"} 1',
      'chancery_revocations_total{reason="keyCompromise",result="raised"} 1',
      'chancery_revocation_visible_seconds_count{via="ocsp"} 1',
      'chancery_managed_renewals_total{source="public",outcome="rolled-back"} 1',
      'chancery_delivery_failures_total{kind="files"} 1',
      'chancery_issuer_not_after_timestamp_seconds{generation="servers-1"} 1800000000',
      'chancery_issuer_not_before_timestamp_seconds{generation="servers-1"} 1700000000',
      'chancery_issuer_needs_signature{issuer="servers"} 1',
      'chancery_ocsp_answers_total{status="good",cached="true"} 7',
      'chancery_ocsp_answers_total{status="revoked",cached="false"} 1',
      'chancery_headroom_seconds 90',
      'chancery_audit_sequence 42',
      'chancery_store_healthy 1',
      'chancery_managed_certificates{state="current"} 7',
      'chancery_managed_paused 1',
      'chancery_managed_not_served 2',
      'chancery_managed_degraded 3',
      'chancery_managed_dead_deliveries 4',
      'chancery_managed_life_used_ratio 0.75',
      'chancery_webhook_behind_entries{webhook="0"} 5',
      'chancery_webhook_failures_total{webhook="0"} 6',
      'chancery_crl_age_seconds{generation="servers-1",scope="0"} 60',
      'chancery_crl_age_seconds{generation="servers-1",scope="full"} 61',
      'chancery_crl_next_update_timestamp_seconds{generation="servers-1",scope="0"} 1800000000',
      'chancery_crl_next_update_timestamp_seconds{generation="servers-1",scope="full"} 1800000001',
      'chancery_crl_entries{generation="servers-1",scope="0"} 3',
      'chancery_crl_entries{generation="servers-1",scope="full"} 9',
      'chancery_crl_builds_total 5',
      'chancery_crl_build_seconds_total 1.5',
      'chancery_crl_refused_total 1',
      'chancery_revocation_unseen_seconds 3',
      'chancery_publication_age_seconds{target="folder:/srv/status"} 2',
      'chancery_publication_failures_total{target="folder:/srv/status"} 4',
    ]);
    expect(body).toContain(
      'chancery_http_request_duration_seconds_bucket{le="0.0025",route="/api/v1/certificates"} 0',
    );
    expect(body).toContain(
      'chancery_http_request_duration_seconds_bucket{le="0.005",route="/api/v1/certificates"} 1',
    );
    expect(body).toMatch(/^process_start_time_seconds \d+/m);
    expect(body).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('ask for facts with every scrape, and forget a generation that is gone', async () => {
    let generations = ['servers-1', 'servers-2'];
    let sequence = 1;
    const metrics = createMetrics({
      ...SOURCES,
      issuerNotAfter: () => generations.map((generation) => ({ generation, notBefore: 0, notAfter: 1000 })),
      crls: () => [],
      auditSequence: () => sequence++,
    });
    expect((await metrics.render()).body).toMatch(/"servers-1"[\s\S]*audit_sequence 1$/m);
    generations = ['servers-2'];
    const { body } = await metrics.render();
    expect(body).not.toContain('servers-1');
    expect(body).toMatch(/audit_sequence 2$/m);
  });

  it('leave out the facts that cannot be had, and show that the store is ill', async () => {
    const metrics = createMetrics({
      issuerNotAfter: failing,
      issuersNeedingSignature: failing,
      headroomSeconds: () => undefined,
      auditSequence: failing,
      ocspAnswers: failing,
      crls: failing,
      crlBuilds: failing,
      unseenSeconds: failing,
      managed: failing,
      webhooks: failing,
      publications: failing,
      storeHealthy: failing,
    });
    const { body } = await metrics.render();
    expect(body.split('\n').filter((line) => line.startsWith('chancery_'))).toEqual([
      'chancery_store_healthy 0',
    ]);
  });

  it('do not grow with what a client sends', async () => {
    const metrics = createMetrics(SOURCES);
    for (let n = 0; n < 1000; n++) metrics.httpRequest('other', `METHOD${n}`, 400, 0.001);
    const { body } = await metrics.render();
    expect(body).toContain('chancery_http_requests_total{route="other",method="other",status="400"} 1000');
  });

  it('of two servers in one process are apart', async () => {
    const [first, second] = [createMetrics(SOURCES), createMetrics(SOURCES)];
    first.refused('weak_key');
    expect((await second.render()).body).not.toContain('weak_key');
  });
});
