/** Roots, issuers and generations in memory, opened once from the store: hot paths look them up here. */
import { ChanceryError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import {
  type Generation,
  generationState,
  type IssuerPolicy,
  openGeneration,
  openRoot,
  type Root,
} from '../domain/issuance/issuer.ts';
import type { AuthorityStore, IssuerDirectory } from '../domain/issuance/ports.ts';
import type { AuthorityView } from '../http/admin/ports.ts';

export class Authority implements AuthorityView, IssuerDirectory {
  readonly #store: AuthorityStore;
  readonly #clock: Clock;
  readonly #policies: ReadonlyMap<string, IssuerPolicy>;
  readonly #byProfile = new Map<string, string[]>();
  #roots: readonly Root[] = [];
  #generations: ReadonlyMap<string, Generation> = new Map();
  readonly #byIssuer = new Map<string, Generation[]>();

  constructor(store: AuthorityStore, policies: readonly IssuerPolicy[], clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#policies = new Map(policies.map((policy) => [policy.name, policy]));
    for (const { name, profiles } of policies)
      for (const profile of profiles)
        this.#byProfile.set(profile, [...(this.#byProfile.get(profile) ?? []), name]);
    this.reload();
  }

  reload(): void {
    this.#roots = this.#store.roots().map(openRoot);
    this.#generations = new Map(this.#store.generations().map((facts) => [facts.id, openGeneration(facts)]));
    this.#byIssuer.clear();
    for (const generation of this.#generations.values())
      this.#byIssuer.set(generation.issuer, [...(this.#byIssuer.get(generation.issuer) ?? []), generation]);
  }

  roots = (): readonly Root[] => this.#roots;
  root = (name: string): Root | undefined => this.#roots.find((root) => root.name === name);
  policies = (): readonly IssuerPolicy[] => [...this.#policies.values()];
  generations = (issuer: string): readonly Generation[] => this.#byIssuer.get(issuer) ?? [];
  allGenerations = (): readonly Generation[] => [...this.#generations.values()];
  generation = (id: string): Generation | undefined => this.#generations.get(id);
  withProfile = (profile: string): readonly string[] => this.#byProfile.get(profile) ?? [];

  find(
    issuer: string,
  ): { readonly policy: IssuerPolicy; readonly current: Generation | undefined } | undefined {
    const policy = this.#policies.get(issuer);
    if (policy === undefined) return undefined;
    const now = this.#clock.now();
    // of several the newest: an activated successor takes over
    const current = this.generations(issuer).findLast(
      (generation) => generationState(generation, now) === 'current',
    );
    return { policy, current };
  }

  async stop(generation: string, reason: string): Promise<void> {
    const draft: AuditDraft = {
      time: this.#clock.now(),
      event: 'issuer.stopped',
      outcome: 'failed',
      principal: 'system:issuance',
      door: 'internal',
      requestId: 'self-check',
      details: { generation, reason },
    };
    await this.#store.stopGeneration(generation, reason, [draft]);
    this.reload();
  }

  /** DER of a generation's or root's certificate, for the status listener. */
  certificate = (id: string): Uint8Array | undefined =>
    this.#generations.get(id)?.certificate.raw ?? this.root(id)?.certificate.raw;

  /** Throws `invalid_configuration` when the configuration names an issuer that was never made. */
  requireEveryIssuer(): void {
    const missing = this.policies().filter(({ name }) => this.find(name)?.current === undefined);
    const [first] = missing;
    if (first === undefined) return;
    throw new ChanceryError('invalid_configuration', {
      message: `the issuer ${missing.map(({ name }) => name).join(', ')} of the configuration has no generation that is current`,
      rule: 'every issuer of the configuration was made by `init`',
      fix: 'Run `chancery init` again with this configuration: it adds what is missing and touches nothing else.',
    });
  }
}
