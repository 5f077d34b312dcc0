/** The schedule: asks the domain what is due, and does it. What it cannot do is tried again, and said once a day. */
import { type Clock, DAY, HOUR, MINUTE } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { shouldActivateNext, shouldPrepareNext, type Slots } from '../domain/issuance/generations.ts';
import type { Generation, IssuerPolicy, Root } from '../domain/issuance/issuer.ts';
import type { Actor } from '../http/admin/ports.ts';
import type { Authority } from './authority.ts';
import type { Hierarchy } from './hierarchy.ts';
import type { Roots } from './roots.ts';

export interface KeeperOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly authority: Authority;
  readonly hierarchy: Hierarchy;
  readonly roots: Roots;
  /** Brings roots.pem up to date where it is not. */
  readonly publish: () => Promise<void>;
}

const SCHEDULE: Actor = { principal: 'system:schedule', door: 'internal', requestId: 'schedule' };
const INTERVAL = MINUTE;

export class HierarchyKeeper {
  readonly #options: KeeperOptions;
  readonly #said = new Map<string, number>();
  /** Generations whose revocation was noticed. */
  readonly #revoked = new Set<string>();
  #askedAt = -Infinity;
  #busy = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Looks at most once a minute, and at once where a root revoked what issues. */
  async tick(): Promise<void> {
    const now = this.#options.clock.now();
    if (this.#busy) return;
    const alarmed = this.#noticeRevocations();
    if (!alarmed && Math.abs(now - this.#askedAt) < INTERVAL) return;
    this.#busy = true;
    this.#askedAt = now;
    try {
      await this.look();
    } finally {
      this.#busy = false;
    }
  }

  async look(): Promise<void> {
    const { authority, roots, publish } = this.#options;
    await publish();
    await this.#attempt('the CRL of a root was not signed', () => roots.signDueCrls(SCHEDULE));
    for (const policy of authority.policies())
      await this.#attempt(`the issuer ${policy.name} was not looked after`, () => this.#tend(policy));
    for (const root of authority.roots()) this.#watchCrl(root);
  }

  /** Whether a generation that issues was revoked since the last call. */
  #noticeRevocations(): boolean {
    const { authority } = this.#options;
    const fresh = authority
      .policies()
      .map(({ name }) => authority.slots(name).current)
      .filter((current) => typeof current?.revokedAt === 'number')
      .flatMap((current) => (current === undefined || this.#revoked.has(current.id) ? [] : [current.id]));
    for (const id of fresh) this.#revoked.add(id);
    return fresh.length > 0;
  }

  async #tend({ name }: IssuerPolicy): Promise<void> {
    const { authority, hierarchy, clock, log } = this.#options;
    const { current, next } = usable(authority.slots(name));
    const waiting = authority.pendingOf(name);
    // a root that took over signs anew what the old one had signed
    const above = current && authority.root(current.root);
    const moved = above !== undefined && authority.rootState(above) === 'superseded';
    if (
      waiting === undefined &&
      (shouldPrepareNext(current, next, clock.now()) || (moved && next === undefined))
    ) {
      const prepared = await hierarchy.prepare(name, SCHEDULE);
      if (prepared.kind === 'prepared')
        log.info('prepared a generation', { generation: prepared.generation.id });
    }
    this.#watchRequest(name);
    const slots = usable(authority.slots(name));
    if (slots.next !== undefined && shouldActivateNext(slots.current, slots.next, clock.now())) {
      await hierarchy.activate(slots.next.id, SCHEDULE);
      log.info('activated a generation', { generation: slots.next.id });
    }
    for (const generation of authority.generations(name))
      if (authority.state(generation) === 'superseded' && generation.certificate.notAfter < clock.now())
        await hierarchy.retire(generation.id, SCHEDULE);
  }

  /** The alarm of an issuer that waits for a signature. */
  #watchRequest(issuer: string): void {
    const pending = this.#options.authority.pendingOf(issuer);
    if (pending !== undefined)
      this.#sayDaily(
        `an issuer needs the signature of an offline root: chancery issuer prepare ${issuer} prints the request`,
        {
          generation: pending.id,
          root: pending.root,
        },
      );
  }

  #watchCrl({ name, keyId, retiredAt }: Root): void {
    if (keyId === null && retiredAt === null && this.#options.roots.needsCrl(name))
      this.#sayDaily('an offline root needs a new CRL: chancery ca sign-crl, then chancery ca import-crl', {
        root: name,
      });
  }

  async #attempt(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#sayDaily(what, { reason: error instanceof Error ? error.message : String(error) }, HOUR);
    }
  }

  #sayDaily(message: string, fields: Readonly<Record<string, string>>, every = DAY): void {
    const { clock, log } = this.#options;
    const key = `${message} ${fields['generation'] ?? fields['root'] ?? ''}`;
    const now = clock.now();
    const last = this.#said.get(key);
    if (last !== undefined && now - last < every) return;
    this.#said.set(key, now);
    log.warn(message, fields);
  }
}

/** A generation that its root revoked is as good as none: another one is made, and takes over at once. */
const usable = ({ current, next }: Slots<Generation>): Slots<Generation> => ({
  current: current?.revokedAt === null ? current : undefined,
  next: next?.revokedAt === null ? next : undefined,
});
