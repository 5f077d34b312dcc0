/** Alert rules: they ask for metrics that there are, and each has its words for who is woken by it. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { OCSP_OUTCOMES } from '../../src/domain/revocation/ocsp-answers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const { groups } = parse(readFileSync('deploy/prometheus-rules.yaml', 'utf8')) as {
  groups: { name: string; rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const none = (): never => {
  throw new Error('not asked');
};

describe('deploy/prometheus-rules.yaml', () => {
  test('names each alert and group once', () => {
    for (const names of [rules.map(({ alert }) => alert), groups.map(({ name }) => name)])
      expect(new Set(names).size).toBe(names.length);
  });

  test('asks for metrics that the server has', async () => {
    const metrics = createMetrics({
      issuerNotAfter: none,
      issuersNeedingSignature: none,
      headroomSeconds: none,
      auditSequence: none,
      ocspAnswers: none,
      crls: none,
      crlBuilds: none,
      unseenSeconds: none,
      publications: none,
      managed: none,
      webhooks: none,
      storeHealthy: none,
    });
    const { body } = await metrics.render();
    const known = new Set(Array.from(body.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name));
    const asked = rules.flatMap(({ expr }) => expr.match(/\bchancery_\w+/g) ?? []);
    expect(asked.length).toBeGreaterThan(15);
    for (const name of asked) expect(known, name).toContain(name);
    const statuses = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/status=~"([^"]+)"/g)].flatMap(([, all = '']) => all.split('|')),
    );
    for (const status of statuses) expect(OCSP_OUTCOMES).toContain(status);
  });

  test.each(rules)(
    '$alert has a severity, a summary and a page',
    ({ alert, labels, annotations, ...rule }) => {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(rule.for ?? '1m').toMatch(/^\d+[mh]$/);
      const [page = '', anchor] = annotations.runbook_url.split('#');
      expect(existsSync(page)).toBe(true);
      expect(anchor).toBe(alert.toLowerCase());
      expect(readFileSync(page, 'utf8')).toContain(`## ${alert}\n`);
    },
  );

  test('has no page for an alert that there is not', () => {
    const headings = Array.from(
      readFileSync('docs/how-to/alerts.md', 'utf8').matchAll(/^## (\w+)$/gm),
      ([, name]) => name,
    );
    expect(headings).toEqual(rules.map(({ alert }) => alert));
  });
});
