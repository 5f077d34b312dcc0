import { describe, expect, test } from 'vitest';
import { PolicyGraph } from '../../../src/domain/path/policy-graph.ts';

const ANY = '2.5.29.32.0';

/** A graph after a row of certificates, each with its policies. */
function descend(...certificates: readonly (readonly string[] | undefined)[]): PolicyGraph {
  const graph = new PolicyGraph();
  for (const policies of certificates) graph.descend(policies, true);
  return graph;
}

const map = (from: string, to: string) => ({ issuerDomainPolicy: from, subjectDomainPolicy: to });

describe('a policy is valid', () => {
  test('when every certificate names it', () => {
    expect(descend(['1.1'], ['1.1']).satisfies(undefined)).toBe(true);
    expect(descend(['1.1', '1.2'], ['1.2']).satisfies(['1.2'])).toBe(true);
    expect(descend(['1.1', '1.2'], ['1.2']).satisfies(['1.1'])).toBe(false);
  });

  test('no more once one does not', () => {
    expect(descend(['1.1'], ['1.2']).isNull).toBe(true);
    expect(descend(['1.1'], undefined).isNull).toBe(true);
    expect(descend(['1.1'], undefined, ['1.1']).satisfies(undefined)).toBe(false);
  });

  test('under anyPolicy, as long as that is allowed', () => {
    expect(descend([ANY], ['1.1']).satisfies(['1.1'])).toBe(true);
    expect(descend(['1.1'], [ANY]).satisfies(['1.1'])).toBe(true);
    expect(descend([ANY], [ANY]).satisfies(['1.9'])).toBe(true);
    const inhibited = descend(['1.1']);
    inhibited.descend([ANY], false);
    expect(inhibited.isNull).toBe(true);
  });

  test('in the words of the anchor when it was mapped', () => {
    const graph = descend(['1.1']);
    graph.map([map('1.1', '2.1')], true);
    graph.descend(['2.1'], true);
    expect(graph.satisfies(['1.1'])).toBe(true);
    expect(graph.satisfies(['2.1'])).toBe(false);
  });

  test('no more when it is mapped where that is inhibited', () => {
    const graph = descend(['1.1']);
    graph.map([map('1.1', '2.1')], false);
    expect(graph.isNull).toBe(true);
  });
});

test('CVE-2023-0464: mappings that make the tree of RFC 5280 exponential end at once', () => {
  const policies = Array.from({ length: 50 }, (_, i) => `1.${i}`);
  const graph = new PolicyGraph();
  const before = performance.now();
  for (let depth = 0; depth < 16; depth++) {
    graph.descend(policies, true);
    graph.map(
      policies.flatMap((from) => policies.slice(0, 2).map((to) => map(from, to))),
      true,
    );
  }
  expect(graph.isNull).toBe(false);
  expect(performance.now() - before).toBeLessThan(1000);
});
