/** Roots, issuers and generations in memory, opened once from the store: hot paths look them up here. */
import { ChanceryError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { type GenerationState, type Slots, slotsOf, stateOf } from '../domain/issuance/generations.ts';
import {
  type Generation,
  type IssuerPolicy,
  openGeneration,
  openRoot,
  type PendingGeneration,
  type Root,
} from '../domain/issuance/issuer.ts';
import type { AuthorityStore, IssuerDirectory } from '../domain/issuance/ports.ts';
import { caRevocations, orJournaled } from '../domain/revocation/ca-revocation.ts';
import type { CrlStore } from '../domain/revocation/ports.ts';
import type { AuthorityView } from '../http/admin/ports.ts';

const ORDER: Readonly<Record<GenerationState, number>> = { current: 0, next: 1, superseded: 2, retired: 3 };

export class Authority implements AuthorityView, IssuerDirectory {
  readonly #store: AuthorityStore;
  readonly #crls: Pick<CrlStore, 'crls' | 'journaled'>;
  readonly #clock: Clock;
  readonly #policies: ReadonlyMap<string, IssuerPolicy>;
  readonly #byProfile = new Map<string, string[]>();
  #roots: readonly Root[] = [];
  #generations: ReadonlyMap<string, Generation> = new Map();
  readonly #byIssuer = new Map<string, Generation[]>();
  #pending: readonly PendingGeneration[] = [];

  constructor(
    store: AuthorityStore,
    crls: Pick<CrlStore, 'crls' | 'journaled'>,
    policies: readonly IssuerPolicy[],
    clock: Clock,
  ) {
    this.#store = store;
    this.#crls = crls;
    this.#clock = clock;
    this.#policies = new Map(policies.map((policy) => [policy.name, policy]));
    for (const { name, profiles } of policies)
      for (const profile of profiles)
        this.#byProfile.set(profile, [...(this.#byProfile.get(profile) ?? []), name]);
    this.reload();
  }

  reload(): void {
    const revoked = orJournaled(caRevocations(this.#crls.crls()), (root) => this.#crls.journaled(root));
    this.#roots = this.#store.roots().map(openRoot);
    this.#generations = new Map(
      this.#store
        .generations()
        .map((facts) => [facts.id, openGeneration(facts, this.root(facts.root), revoked)]),
    );
    this.#pending = this.#store.pending();
    this.#byIssuer.clear();
    for (const generation of this.#generations.values())
      this.#byIssuer.set(generation.issuer, [...(this.#byIssuer.get(generation.issuer) ?? []), generation]);
  }

  roots = (): readonly Root[] => this.#roots;
  root = (name: string): Root | undefined => this.#roots.find((root) => root.name === name);
  /** All roots of a line, by number. */
  rootsOf = (line: string): readonly Root[] =>
    this.#roots.filter((root) => root.line === line).sort((a, b) => a.number - b.number);
  rootSlots = (line: string): Slots<Root> => slotsOf(this.rootsOf(line), this.#clock.now());
  rootState = (root: Root): GenerationState => stateOf(root, this.rootsOf(root.line), this.#clock.now());
  /** What clients of a line have to trust: the root that signs, the one to come, those that were; none that retired. */
  bundle(line: string): readonly Root[] {
    const living = this.rootsOf(line).filter((root) => this.rootState(root) !== 'retired');
    return living.sort((a, b) => ORDER[this.rootState(a)] - ORDER[this.rootState(b)]);
  }
  slots = (issuer: string): Slots<Generation> => slotsOf(this.generations(issuer), this.#clock.now());
  state = (generation: Generation): GenerationState =>
    stateOf(generation, this.generations(generation.issuer), this.#clock.now());
  /** What waits for the signature of an offline root. */
  pending = (): readonly PendingGeneration[] => this.#pending;
  pendingOf = (issuer: string): PendingGeneration | undefined =>
    this.#pending.find((pending) => pending.issuer === issuer);
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
    const { current } = this.slots(issuer);
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
    const missing = this.policies().filter(
      ({ name }) => this.find(name)?.current === undefined && this.pendingOf(name) === undefined,
    );
    const [first] = missing;
    if (first === undefined) return;
    throw new ChanceryError('invalid_configuration', {
      message: `the issuer ${missing.map(({ name }) => name).join(', ')} of the configuration has no generation that is current`,
      rule: 'every issuer of the configuration was made by `init`',
      fix: 'Run `chancery init` again with this configuration: it adds what is missing and touches nothing else.',
    });
  }
}
