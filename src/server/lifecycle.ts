/** What changes roots and generations, wired: actions for operators, and the schedule that takes them by itself. */
import type { Log } from '../base/log.ts';
import type { Configuration } from '../config/index.ts';
import { clockGuard } from '../domain/issuance/clock-guard.ts';
import { statusUrls } from '../domain/issuance/issuer.ts';
import type { IssuerCrls } from './crls.ts';
import { Hierarchy } from './hierarchy.ts';
import { HierarchyKeeper } from './hierarchy-keeper.ts';
import type { HierarchyOptions } from './hierarchy-options.ts';
import { ImportedPasts } from './imported-pasts.ts';
import { writeRootsFile } from './initialize.ts';
import type { OpenedData } from './open.ts';
import { Roots } from './roots.ts';

export interface Lifecycle {
  readonly hierarchy: Hierarchy;
  readonly roots: Roots;
  readonly keeper: HierarchyKeeper;
  readonly past: ImportedPasts;
}

/** `changed` is called after every change, when roots.pem is up to date. */
export function openLifecycle(
  opened: OpenedData,
  config: Configuration,
  statusUrl: string,
  log: Log,
  crls: IssuerCrls,
  changed: () => void,
): Lifecycle {
  const { clock, random, keys, authority, store, trail } = opened;
  // what is on record holds, also where the disk takes no file now: the schedule tries again
  const publish = async (): Promise<void> => {
    try {
      await writeRootsFile(opened, config);
    } catch (error) {
      log.error('roots.pem could not be written and is tried again', { reason: String(error) });
    }
  };
  const options: HierarchyOptions = {
    clock,
    random,
    trustDomain: config.trustDomain,
    urls: statusUrls(statusUrl),
    keys,
    authority,
    authorities: store.authorities,
    inventory: store.inventory,
    journal: store.journal,
    guard: () => trail.check(),
    guardClock: clockGuard(clock, () => store.latestAuditTime()),
    published: (generation) => crls.ensure(generation),
    async changed() {
      await publish();
      // a generation that was just made: what fails is said there and tried again
      await crls.publishDue().catch(() => undefined);
      changed();
    },
  };
  const hierarchy = new Hierarchy(options);
  const roots = new Roots({ ...options, crls: store.crls, hierarchy });
  const keeper = new HierarchyKeeper({ clock, log, authority, hierarchy, roots, publish });
  const past = new ImportedPasts({ clock, authority, store, hierarchy, changed: options.changed });
  return { hierarchy, roots, keeper, past };
}
