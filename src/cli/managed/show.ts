/** `chancery managed show | history` */
import type { ManagedResource, VersionView } from '../../api/managed.ts';
import type { Instant } from '../../base/clock.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { issuerOf, stateOf } from './list.ts';

export async function show(session: Session, options: Asking, name: string): Promise<void> {
  const managed = await withClient(session, options, (client) =>
    client.get<ManagedResource>(`/managed/${encodeURIComponent(name)}`),
  );
  await printManaged(session, options, managed);
}

export async function printManaged(
  { terminal }: Session,
  { output }: Asking,
  managed: ManagedResource,
): Promise<void> {
  const { spec, nextRenewal } = managed;
  const now = terminal.now();
  await printSheet(terminal, output, {
    resource: managed,
    name: managed.name,
    heading: managed.name,
    fields: [
      ['state', stateOf(managed)],
      ['names', spec.names],
      ['issuer', issuerOf(spec)],
      ['next renewal', nextRenewal && timeWithDistance(nextRenewal, now)],
      ['grace', spec.grace],
      ['set', managed.set],
      ['owner', spec.owner],
      ...managed.versions.flatMap((version, i) => describe(version, now, i < 2 || output === 'wide')),
    ],
  });
}

function describe(version: VersionView, now: Instant, whole: boolean): (readonly [string, string])[] {
  const { number, state, reason, notAfter, serial, issuedBy } = version;
  const head = [
    state,
    `because: ${reason}`,
    notAfter !== undefined && `expires ${relativeTime(notAfter, now)}`,
  ].filter((text) => typeof text === 'string');
  const lines: (readonly [string, string])[] = [[`version ${number}`, head.join(', ')]];
  if (!whole) return lines;
  const add = (text: string): void => void lines.push(['', text]);
  if (serial !== undefined) add(`serial ${serial}, of ${issuedBy ?? '-'}`);
  if (version.alarm !== undefined) add(`alarm: ${version.alarm}`);
  if (version.error !== undefined) add(`error: ${version.error}`);
  if (version.nextTryAt !== undefined) add(`tried again ${relativeTime(version.nextTryAt, now)}`);
  for (const { target, state: stored, error, nextTryAt, attempts } of version.targets)
    add(
      [
        `target ${target}: ${stored === 'dead' ? `given up after ${attempts} tries` : stored}`,
        error,
        nextTryAt !== undefined && error !== undefined && `tried again ${relativeTime(nextTryAt, now)}`,
      ]
        .filter((text) => typeof text === 'string')
        .join(', '),
    );
  for (const { probe, address, state: seen, detail, since } of version.probes)
    add(`probe ${probe} at ${address}: ${seen} since ${relativeTime(since, now)}, ${detail}`);
  return lines;
}

export interface HistoryOptions extends Asking {
  readonly limit: number;
}

export async function history(session: Session, options: HistoryOptions, name: string): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) =>
    client.get<{ readonly versions: readonly VersionView[] }>(
      `/managed/${encodeURIComponent(name)}/history`,
      {
        limit: Math.min(options.limit, 500),
      },
    ),
  );
  const now = terminal.now();
  const relative = (time: string | undefined): string => (time === undefined ? '' : relativeTime(time, now));
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.versions,
    columns: [
      { title: 'VERSION', value: ({ number }) => String(number) },
      { title: 'STATE', value: ({ state }) => state },
      { title: 'BECAUSE', value: ({ reason }) => reason },
      { title: 'MADE', value: ({ createdAt }) => relative(createdAt) },
      { title: 'EXPIRES', value: ({ notAfter }) => relative(notAfter) },
      { title: 'ALARM', value: ({ alarm = '' }) => alarm },
      { title: 'ISSUED BY', value: ({ issuedBy = '' }) => issuedBy, wide: true },
      { title: 'SERIAL', value: ({ serial = '' }) => serial },
      { title: 'ERROR', value: ({ error = '' }) => error, wide: true },
    ],
    name: ({ number }) => String(number),
    empty: 'there is no version yet',
  });
}
