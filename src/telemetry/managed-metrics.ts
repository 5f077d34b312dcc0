/** Managed certificates and webhooks, as metrics. */
import type { MetricSources } from '../base/metrics.ts';
import { attempt, Counter, Gauge, gauge, type Registers } from './prometheus.ts';

export function collectManaged(sources: MetricSources, registers: Registers): void {
  new Gauge({
    name: 'chancery_managed_certificates',
    help: 'Managed certificates by the state of their newest living version.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { state, count } of attempt(() => sources.managed().states) ?? [])
        this.set({ state }, count);
    },
  });
  const each: readonly (readonly [
    string,
    string,
    (facts: ReturnType<MetricSources['managed']>) => number,
  ])[] = [
    ['chancery_managed_paused', 'Managed certificates that are paused.', ({ paused }) => paused],
    [
      'chancery_managed_not_served',
      'Versions that are stored everywhere and not served everywhere past their grace.',
      ({ notServed }) => notServed,
    ],
    [
      'chancery_managed_degraded',
      'Versions that had to be rolled back while no pair was fit for it.',
      ({ degraded }) => degraded,
    ],
    [
      'chancery_managed_dead_deliveries',
      'Deliveries that were given up and wait for an operator.',
      ({ deadDeliveries }) => deadDeliveries,
    ],
    [
      'chancery_managed_life_used_ratio',
      'The greatest share of its life that a current managed certificate has used; over 1 it has expired.',
      ({ lifeUsed }) => lifeUsed,
    ],
  ];
  for (const [name, help, read] of each) gauge(registers, name, help, () => read(sources.managed()));
  new Gauge({
    name: 'chancery_webhook_behind_entries',
    help: 'Entries of the audit log that a webhook has not been told of.',
    labelNames: ['webhook'],
    registers,
    collect() {
      this.reset();
      for (const { webhook, behind } of attempt(() => [...sources.webhooks()]) ?? [])
        this.set({ webhook }, behind);
    },
  });
  new Counter({
    name: 'chancery_webhook_failures_total',
    help: 'Tries to tell a webhook that failed.',
    labelNames: ['webhook'],
    registers,
    collect() {
      this.reset();
      for (const { webhook, failures } of attempt(() => [...sources.webhooks()]) ?? [])
        this.inc({ webhook }, failures);
    },
  });
}
