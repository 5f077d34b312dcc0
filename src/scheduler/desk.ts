/** One managed certificate in our hands: its facts as they are now, and how changes are recorded. */
import { ChanceryError } from '../base/errors.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import type { ManagedCertificate } from '../domain/renewal/managed.ts';
import type { Claim, Material, Pair, Progress } from '../domain/renewal/ports.ts';
import { type Version, versionState } from '../domain/renewal/version.ts';
import type { SchedulerPorts } from './ports.ts';

export class Desk {
  readonly claim: Claim;
  readonly #ports: SchedulerPorts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: SchedulerPorts, claim: Claim) {
    this.#ports = ports;
    this.claim = claim;
  }

  /** `undefined`: it was removed meanwhile. */
  managed = (): ManagedCertificate | undefined => this.#ports.store.find(this.claim.name);
  versions = (): readonly Version[] => this.#ports.store.living(this.claim.name);

  version(number: number): Version {
    const found = this.versions().find((version) => version.number === number);
    if (found === undefined)
      throw new ChanceryError('not_found', `version ${number} of ${this.claim.name} is over`);
    return found;
  }

  current = (): Version | undefined =>
    this.versions().findLast((version) => versionState(version) === 'current');

  material(number: number): Material {
    const found = this.#ports.store.material(this.claim.name, number);
    if (found === undefined)
      throw new ChanceryError('not_found', `version ${number} of ${this.claim.name} has no material`);
    return found;
  }

  sealContext = (number: number): string => `managed ${this.claim.name} ${number}`;

  /** PKCS#8. Throws `damaged_key` where it is forgotten, or sealed for another row. */
  privateKey(number: number): Uint8Array {
    const { sealedKey } = this.material(number);
    const opened = sealedKey === null ? undefined : this.#ports.box.open(sealedKey, this.sealContext(number));
    if (opened === undefined)
      throw new ChanceryError('damaged_key', {
        message: `the private key of version ${number} of ${this.claim.name} cannot be opened`,
        rule: 'a key is kept, sealed, until its version is retired',
        fix: 'Renew it: `chancery managed renew`.',
      });
    return opened;
  }

  pair(number: number): Pair {
    const { certificate } = this.version(number);
    const [leaf, ...chain] = this.material(number).certificates;
    if (certificate === null || leaf === undefined)
      throw new ChanceryError('internal', `version ${number} of ${this.claim.name} was never issued`);
    return {
      managed: this.claim.name,
      version: number,
      certificate: leaf,
      fingerprint: certificate.fingerprint,
      chain,
      roots: this.#ports.rootsFor(certificate.issuedBy),
      privateKey: this.privateKey(number),
    };
  }

  /** Changes of one version by steps that run side by side: each is made to the newest facts. */
  change(
    number: number,
    make: (version: Version) => Version,
    audit: readonly AuditDraft[] = [],
  ): Promise<Version> {
    return this.#inTurn(async () => {
      const version = make(this.version(number));
      await this.#ports.store.record(this.claim, { versions: [version], audit });
      return version;
    });
  }

  record(make: () => Progress): Promise<void> {
    return this.#inTurn(() => this.#ports.store.record(this.claim, make()));
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(act, act);
    this.#turn = next.catch(() => undefined);
    return next;
  }
}
