/** CRLs and their publication, as metrics. */
import type { MetricSources } from '../base/metrics.ts';
import { attempt, Counter, Gauge, gauge, type Registers } from './prometheus.ts';

export function collectCrls(sources: MetricSources, registers: Registers): void {
  type Fact = ReturnType<MetricSources['crls']> extends Iterable<infer T> ? T : never;
  const each = (name: string, help: string, value: (fact: Fact) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['generation', 'scope'],
      registers,
      collect() {
        this.reset();
        for (const fact of attempt(() => [...sources.crls()]) ?? [])
          this.set({ generation: fact.generation, scope: fact.scope }, value(fact));
      },
    });
  };
  each('chancery_crl_age_seconds', 'Time since the thisUpdate of the newest CRL.', ({ age }) => age);
  each(
    'chancery_crl_next_update_timestamp_seconds',
    'When the newest CRL runs out, as Unix time.',
    ({ nextUpdate }) => nextUpdate / 1000,
  );
  each('chancery_crl_entries', 'Certificates that the newest CRL names.', ({ entries }) => entries);
  const total = (
    name: string,
    help: string,
    value: (builds: ReturnType<MetricSources['crlBuilds']>) => number,
  ): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        const builds = attempt(() => sources.crlBuilds());
        this.reset();
        if (builds === undefined) this.remove();
        else this.inc(value(builds));
      },
    });
  };
  total('chancery_crl_builds_total', 'CRLs built and published.', ({ count }) => count);
  total('chancery_crl_build_seconds_total', 'Time that building CRLs took.', ({ seconds }) => seconds);
  total(
    'chancery_crl_refused_total',
    'CRLs that were not published because of what they would have said.',
    ({ refused }) => refused,
  );
}

export function collectPublications(sources: MetricSources, registers: Registers): void {
  gauge(
    registers,
    'chancery_revocation_unseen_seconds',
    'Age of the oldest revocation that our own probe has not seen published; 0 where it has seen all.',
    () => sources.unseenSeconds(),
  );
  new Gauge({
    name: 'chancery_publication_age_seconds',
    help: 'Time since everything was last in place at a place of publication, or since the start.',
    labelNames: ['target'],
    registers,
    collect() {
      this.reset();
      for (const { target, age } of attempt(() => [...sources.publications()]) ?? [])
        this.set({ target }, age);
    },
  });
  new Counter({
    name: 'chancery_publication_failures_total',
    help: 'Rounds of publication that failed and were tried again.',
    labelNames: ['target'],
    registers,
    collect() {
      this.reset();
      for (const { target, failures } of attempt(() => [...sources.publications()]) ?? [])
        this.inc({ target }, failures);
    },
  });
}
