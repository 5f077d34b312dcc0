/** `chancery managed list` */
import type { ManagedList, ManagedResource, VersionView } from '../../api/managed.ts';
import type { Instant } from '../../base/clock.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, relativeTime } from '../output.ts';
import type { Session } from '../session.ts';

export interface ListOptions extends Asking {
  readonly set?: string;
}

export async function list(session: Session, options: ListOptions): Promise<void> {
  const { terminal } = session;
  const managed = await withClient(session, options, async (client) => {
    const all: ManagedResource[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.get<ManagedList>('/managed', { set: options.set, limit: 500, cursor });
      all.push(...page.managed);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return all;
  });
  const now = terminal.now();
  await printListing(terminal, options.output, {
    resource: { managed },
    rows: managed,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'STATE', value: stateOf },
      { title: 'ISSUER', value: ({ spec }) => issuerOf(spec) },
      { title: 'EXPIRES', value: (one) => when(serving(one)?.notAfter, now) },
      { title: 'RENEWED', value: ({ nextRenewal }) => when(nextRenewal, now) },
      { title: 'ALARM', value: alarmOf },
      { title: 'NAMES', value: ({ spec }) => spec.names.join(', '), wide: true },
      { title: 'TARGETS', value: ({ spec }) => String(spec.targets.length), wide: true },
      { title: 'PROBES', value: ({ spec }) => String(spec.probes.length), wide: true },
      { title: 'SET', value: ({ set = '' }) => set, wide: true },
      { title: 'OWNER', value: ({ spec }) => spec.owner ?? '', wide: true },
    ],
    name: ({ name }) => name,
    empty: 'nothing is managed',
  });
}

const when = (time: string | undefined, now: Instant): string =>
  time === undefined ? '' : relativeTime(time, now);

export const stateOf = ({ state, paused }: ManagedResource): string => (paused ? `${state}, paused` : state);

/** What is in use: the current version, else the one that comes nearest to it. */
export const serving = ({ versions }: ManagedResource): VersionView | undefined =>
  versions.find(({ state }) => state === 'current') ?? versions.find(({ state }) => state === 'previous');

export const issuerOf = ({ issuer }: ManagedResource['spec']): string =>
  typeof issuer === 'string' ? issuer : [issuer.public].flat().join(', ');

/** The first thing that people should know. */
export function alarmOf({ versions: [newest] }: ManagedResource): string {
  if (newest === undefined) return '';
  if (newest.alarm !== undefined) return newest.alarm;
  const dead = newest.targets.filter(({ state }) => state === 'dead').length;
  if (dead > 0) return `${dead} of ${newest.targets.length} targets given up`;
  return newest.state === 'failed' || newest.state === 'rolled-back' ? newest.state : '';
}
