/** `Metrics` on prom-client, in a registry of its own. Names are stable: alerts and dashboards are built on them. */
import type { Metrics, MetricSources } from '../base/metrics.ts';
import { collectCrls, collectPublications } from './crl-metrics.ts';
import { collectManaged } from './managed-metrics.ts';
import { attempt, Counter, Gauge, gauge, Histogram, type Registers, Registry } from './prometheus.ts';

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Seconds. An issuance takes about one millisecond, a full disk two seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Seconds. A minute is what is promised. */
const VISIBLE_BUCKETS = [0.5, 1, 2, 5, 10, 20, 30, 45, 60, 120, 300, 3600];

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const issued = new Counter({
    name: 'chancery_certificates_issued_total',
    help: 'Certificates issued and recorded.',
    labelNames: ['issuer', 'profile', 'door'],
    registers,
  });
  const refusals = new Counter({
    name: 'chancery_refusals_total',
    help: 'Requests refused, by the stable code of the error.',
    labelNames: ['code'],
    registers,
  });
  const requests = new Counter({
    name: 'chancery_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'chancery_http_request_duration_seconds',
    help: 'Time from the first octet of a request to the end of its answer.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  });
  const revocations = new Counter({
    name: 'chancery_revocations_total',
    help: 'Certificates that were to be revoked, by the reason and by what came of it.',
    labelNames: ['reason', 'result'],
    registers,
  });
  const visible = new Histogram({
    name: 'chancery_revocation_visible_seconds',
    help: 'Time from the record of a revocation until our own probe saw it published.',
    labelNames: ['via'],
    buckets: VISIBLE_BUCKETS,
    registers,
  });
  const renewals = new Counter({
    name: 'chancery_managed_renewals_total',
    help: 'Ends of renewals of managed certificates.',
    labelNames: ['source', 'outcome'],
    registers,
  });
  const deliveries = new Counter({
    name: 'chancery_delivery_failures_total',
    help: 'Deliveries that began to fail or were given up, by the kind of the target.',
    labelNames: ['kind'],
    registers,
  });
  collectSources(sources, registers);
  collectManaged(sources, registers);
  collectCrls(sources, registers);
  collectPublications(sources, registers);
  collectProcess(registers);

  return {
    certificateIssued: (issuer, profile, door) => issued.inc({ issuer, profile, door }),
    refused: (code) => refusals.inc({ code }),
    httpRequest(route, method, status, seconds) {
      // a client may send any method
      requests.inc({ route, method: METHODS.has(method) ? method : 'other', status });
      durations.observe({ route }, seconds);
    },
    revocation: (reason, result) => revocations.inc({ reason, result }),
    revocationVisible: (via, seconds) => visible.observe({ via }, seconds),
    managedRenewal: (source, outcome) => renewals.inc({ source, outcome }),
    deliveryFailed: (kind) => deliveries.inc({ kind }),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function collectSources(sources: MetricSources, registers: Registers): void {
  new Gauge({
    name: 'chancery_issuer_not_after_timestamp_seconds',
    help: 'When the certificate of an issuing generation expires, as Unix time.',
    labelNames: ['generation'],
    registers,
    collect() {
      this.reset();
      for (const { generation, notAfter } of attempt(() => [...sources.issuerNotAfter()]) ?? [])
        this.set({ generation }, notAfter / 1000);
    },
  });
  new Gauge({
    name: 'chancery_issuer_not_before_timestamp_seconds',
    help: 'When the certificate of an issuing generation begins, as Unix time.',
    labelNames: ['generation'],
    registers,
    collect() {
      this.reset();
      for (const { generation, notBefore } of attempt(() => [...sources.issuerNotAfter()]) ?? [])
        this.set({ generation }, notBefore / 1000);
    },
  });
  new Gauge({
    name: 'chancery_issuer_needs_signature',
    help: '1 for each issuer whose next generation waits for the signature of an offline root.',
    labelNames: ['issuer'],
    registers,
    collect() {
      this.reset();
      for (const issuer of attempt(() => [...sources.issuersNeedingSignature()]) ?? [])
        this.set({ issuer }, 1);
    },
  });
  new Counter({
    name: 'chancery_ocsp_answers_total',
    help: 'OCSP requests answered, by the status that was answered and whether it had been signed before.',
    labelNames: ['status', 'cached'],
    registers,
    collect() {
      this.reset();
      for (const { status, cached, count } of attempt(() => [...sources.ocspAnswers()]) ?? [])
        this.inc({ status, cached: String(cached) }, count);
    },
  });
  gauge(
    registers,
    'chancery_headroom_seconds',
    'Time until the first live certificate expires if the server stays down. Absent when none lives.',
    () => sources.headroomSeconds(),
  );
  gauge(registers, 'chancery_audit_sequence', 'Sequence number of the newest audit entry.', () =>
    sources.auditSequence(),
  );
  gauge(registers, 'chancery_store_healthy', '1 while the store accepts records, else 0.', () =>
    Number(attempt(() => sources.storeHealthy()) ?? false),
  );
}

function collectProcess(registers: Registers): void {
  const startedAt = Date.now() / 1000 - process.uptime();
  gauge(registers, 'process_start_time_seconds', 'When the process started, as Unix time.', () => startedAt);
  gauge(registers, 'process_resident_memory_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  );
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
