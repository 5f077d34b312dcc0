/** What a revocation would hit, for people. */
import type { ImpactResource } from '../../api/revocations.ts';
import { formatDuration, type Instant } from '../../base/clock.ts';
import { alignColumns, type OutputMode, printListing, relativeTime } from '../output.ts';
import { harmless, say, type Terminal } from '../terminal.ts';
import { flatten } from './names.ts';

type One = ImpactResource['certificates'][number];

export async function printImpact(
  terminal: Terminal,
  output: OutputMode,
  impact: ImpactResource,
): Promise<void> {
  const now = terminal.now();
  await printListing(terminal, output, {
    resource: impact,
    rows: impact.certificates,
    columns: [
      { title: 'NAME', value: nameOf },
      { title: 'ASKED BY', value: ({ principal }) => principal },
      { title: 'OWNER', value: ({ owner }) => owner ?? '' },
      { title: 'ISSUER', value: ({ issuer }) => issuer },
      { title: 'PROFILE', value: ({ profile }) => profile },
      { title: 'WOULD LIVE', value: ({ remainingSeconds }) => formatDuration(remainingSeconds * 1000) },
      { title: 'LAST SEEN', value: (one) => lastSeen(one, now) },
      { title: 'REPLACED', value: ({ replacedBy }) => (replacedBy === undefined ? 'no' : 'yes') },
      { title: 'DELIVERED TO', value: ({ deliveries }) => deliveries.join(' '), wide: true },
      { title: 'KEY', value: ({ keyFingerprint }) => keyFingerprint, wide: true },
      { title: 'SERIAL', value: ({ serial }) => serial },
    ],
    name: ({ serial }) => serial,
    empty: 'nothing would be hit',
  });
  for (const line of summary(impact, now)) say(terminal, line);
}

/** The same in a few lines, before a question. */
export function impactLines(impact: ImpactResource, now: Instant): string[] {
  const rows = impact.certificates
    .slice(0, 10)
    .map((one) => [`  ${nameOf(one)}`, one.owner ?? '-', one.profile, lastSeen(one, now), one.serial]);
  const rest = impact.count - rows.length;
  return [
    ...alignColumns(rows.map((row) => row.map(harmless))),
    ...(rest > 0 ? [`  and ${rest} more: see --dry-run`] : []),
    ...summary(impact, now),
  ];
}

function summary(impact: ImpactResource, now: Instant): string[] {
  const { count, unrecorded, complete, refused, principals, owners, certificates, latestNotAfter } = impact;
  const hidden = certificates.filter(({ reach }) => reach === 'here').length;
  const unreplaced = certificates.filter(({ replacedBy }) => replacedBy === undefined).length;
  return [
    `${complete ? '' : 'at least '}${plural(count, 'certificate')} of ${plural(principals, 'caller')} and ${plural(owners, 'owner')}${latestNotAfter === undefined ? '' : `; the last would expire ${relativeTime(latestNotAfter, now)}`}`,
    ...(count > 0 && unreplaced > 0 ? [`${unreplaced} of those listed have no living successor`] : []),
    ...(refused > 0 ? [`you may not revoke ${refused} of them, so none would be revoked`] : []),
    ...(unrecorded > 0 ? [`${unrecorded} of them are known here by issuer and serial number only`] : []),
    ...(hidden > 0
      ? [`${hidden} of those listed have noRevAvail (RFC 9608): only this server would refuse them`]
      : []),
    ...(impact.blocksKeys || count === 0
      ? []
      : [
          '--reason keyCompromise by you would not block their keys: that takes an operator, or --leaked-key',
        ]),
  ];
}

const nameOf = ({ names, serial }: One): string => {
  const [first, ...others] = flatten(names);
  return first === undefined ? serial : others.length === 0 ? first : `${first} +${others.length}`;
};

/** Renewing, or logging in, whatever was later. */
function lastSeen({ lastRenewedAt, lastPresentedAt }: One, now: Instant): string {
  const times = [
    ...(lastRenewedAt === undefined ? [] : [{ at: lastRenewedAt, what: 'renewed' }]),
    ...(lastPresentedAt === undefined ? [] : [{ at: lastPresentedAt, what: 'presented' }]),
  ].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  const [last] = times;
  return last === undefined ? 'never' : `${last.what} ${relativeTime(last.at, now)}`;
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
