/**
 * Certificate policies along a path: RFC 5280 6.1 with the graph of RFC 9618 in place of the tree, which a few
 * crafted mappings make exponential (CVE-2023-0464).
 */
import { OID } from '../../x509/oids.ts';
import type { PolicyMapping } from '../../x509/policies.ts';

const ANY: string = OID.anyPolicy;

interface PolicyNode {
  readonly policy: string;
  expected: ReadonlySet<string>;
  readonly parents: Set<PolicyNode>;
}

type Level = Map<string, PolicyNode>;

export class PolicyGraph {
  /** Level 0 is the anchor's; empty once nothing is valid any more. */
  #levels: Level[];

  constructor() {
    this.#levels = [new Map([[ANY, { policy: ANY, expected: new Set([ANY]), parents: new Set() }]])];
  }

  get isNull(): boolean {
    return this.#levels.length === 0;
  }

  /** RFC 5280 6.1.3 (d) and (e): the policies of the next certificate. */
  descend(policies: readonly string[] | undefined, anyPolicyAllowed: boolean): void {
    const above = this.#levels.at(-1);
    if (above === undefined) return;
    if (policies === undefined) return this.#clear();
    const level: Level = new Map();
    const add = (policy: string, parents: readonly PolicyNode[]): void => {
      level.set(policy, { policy, expected: new Set([policy]), parents: new Set(parents) });
    };
    for (const policy of policies) {
      if (policy === ANY) continue;
      const parents = [...above.values()].filter(({ expected }) => expected.has(policy));
      const anyNode = above.get(ANY);
      if (parents.length > 0) add(policy, parents);
      else if (anyNode !== undefined) add(policy, [anyNode]);
    }
    if (policies.includes(ANY) && anyPolicyAllowed) {
      const inherited = new Set([...above.values()].flatMap(({ expected }) => [...expected]));
      for (const policy of inherited)
        if (!level.has(policy))
          add(
            policy,
            [...above.values()].filter(({ expected }) => expected.has(policy)),
          );
    }
    this.#levels.push(level);
    this.#prune();
  }

  /** RFC 5280 6.1.4 (b): the mappings of a CA certificate, applied or, where they are inhibited, taken away. */
  map(mappings: readonly PolicyMapping[], allowed: boolean): void {
    const level = this.#levels.at(-1);
    if (level === undefined) return;
    const targets = new Map<string, Set<string>>();
    for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings) {
      const known = targets.get(issuerDomainPolicy);
      if (known === undefined) targets.set(issuerDomainPolicy, new Set([subjectDomainPolicy]));
      else known.add(subjectDomainPolicy);
    }
    for (const [policy, expected] of targets) {
      const node = level.get(policy);
      if (!allowed) {
        level.delete(policy);
        continue;
      }
      if (node !== undefined) node.expected = expected;
      else {
        const anyNode = level.get(ANY);
        if (anyNode !== undefined) level.set(policy, { policy, expected, parents: new Set(anyNode.parents) });
      }
    }
    if (!allowed) this.#prune();
  }

  /** RFC 5280 6.1.5 (g): whether a policy holds that the user accepts. */
  satisfies(initial: readonly string[] | undefined): boolean {
    const last = this.#levels.at(-1);
    if (last === undefined) return false;
    if (initial === undefined || initial.includes(ANY) || last.has(ANY)) return true;
    // the policies in the words of the anchor's domain: those that hang below anyPolicy
    const top = this.#levels
      .flatMap((level) => [...level.values()])
      .filter(
        ({ policy, parents }) => policy !== ANY && [...parents].some((parent) => parent.policy === ANY),
      );
    return top.some(({ policy }) => initial.includes(policy));
  }

  /** Takes out what has no child, from the last level but one upwards. */
  #prune(): void {
    if (this.#levels.at(-1)?.size === 0) return this.#clear();
    for (let depth = this.#levels.length - 2; depth >= 0; depth--) {
      const alive = new Set(
        [...(this.#levels[depth + 1]?.values() ?? [])].flatMap(({ parents }) => [...parents]),
      );
      const level = this.#levels[depth];
      for (const [policy, node] of level ?? []) if (!alive.has(node)) level?.delete(policy);
    }
  }

  #clear(): void {
    this.#levels = [];
  }
}
