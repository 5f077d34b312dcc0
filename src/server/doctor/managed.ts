/** Managed certificates that need people: not served, degraded, given up, or about to expire. */
import { formatDuration, type Instant } from '../../base/clock.ts';
import type { StoreRecords } from '../../db/sqlite/view.ts';
import { deliveryTo } from '../../domain/renewal/deliveries.ts';
import type { ManagedCertificate } from '../../domain/renewal/managed.ts';
import { type IssuedFacts, type Version, versionState } from '../../domain/renewal/version.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, plural, type Said, warning } from './finding.ts';
import { notChecked, recordsOf } from './records.ts';

const PAGE = 500;
/** Of a fleet the first so many are looked at: the metrics count all. */
const MOST = 20_000;
/** They are renewed at two thirds of their life, half of a short one, or as the wish says: then half of the rest is late. */
const LATE = 1 / 6;

const KINDS = ['expired', 'degraded', 'not-served', 'given-up', 'late'] as const;
type Kind = (typeof KINDS)[number];

interface Fault {
  readonly kind: Kind;
  readonly name: string;
  readonly detail: string;
}

export function lookAtManaged(facts: Facts): readonly Said[] {
  const records = recordsOf(facts);
  if (records === undefined) return [notChecked];
  const { managed } = records;
  const count = managed.count();
  const now = facts.clock.now();
  const faults: Fault[] = [];
  let looked = 0;
  for (let after: string | undefined; looked < MOST;) {
    const page = managed.list({ limit: PAGE, after });
    for (const one of page) faults.push(...faultsOf(one, managed, now));
    looked += page.length;
    after = page.at(-1)?.name;
    if (page.length < PAGE) break;
  }
  const said = KINDS.flatMap((kind) =>
    tell(
      kind,
      faults.filter((fault) => fault.kind === kind),
      facts.running,
    ),
  );
  const more =
    count > looked ? [info(`only the first ${plural(looked, 'managed certificate')} were looked at`)] : [];
  return [
    ...orOk(said, count === 0 ? 'nothing is managed' : `${plural(count, 'managed certificate')}`),
    ...more,
  ];
}

function faultsOf(
  managed: ManagedCertificate,
  store: Pick<StoreRecords['managed'], 'living'>,
  now: Instant,
): Fault[] {
  const { name, wish } = managed;
  const versions = store.living(name);
  const found: Fault[] = [];
  const add = (kind: Kind, detail: string): void => void found.push({ kind, name, detail });
  for (const version of versions) {
    const { number, rolledBackAt, supersededAt, degradedAt, notServedAt, verifiedAt } = version;
    if (rolledBackAt !== null || supersededAt !== null) continue;
    if (degradedAt !== null) add('degraded', `version ${number} should have been rolled back`);
    else if (notServedAt !== null && verifiedAt === null)
      add('not-served', `version ${number} is stored, and not served everywhere`);
    const dead = wish.targets.find((target) => (deliveryTo(version, target)?.deadAt ?? null) !== null);
    if (dead !== undefined) add('given-up', `version ${number} was given up at ${dead.id}`);
  }
  const certificate = versions.findLast(isCurrent)?.certificate;
  if (certificate) found.push(...lateFaults(managed, certificate, now));
  return found;
}

const isCurrent = (version: Version): boolean => versionState(version) === 'current';

function lateFaults(
  { name, wish }: ManagedCertificate,
  { notBefore, notAfter }: IssuedFacts,
  now: Instant,
): Fault[] {
  if (now > notAfter)
    return [{ kind: 'expired', name, detail: `expired ${formatDuration(now - notAfter)} ago` }];
  const { fraction = 0 } = wish.renewal;
  return (notAfter - now) / (notAfter - notBefore) < Math.min(LATE, (1 - fraction) / 2)
    ? [{ kind: 'late', name, detail: `${formatDuration(notAfter - now)} left, and not renewed` }]
    : [];
}

const FIXES: Readonly<Record<Kind, (name: string, running: boolean) => string>> = {
  expired: renewed,
  late: renewed,
  degraded: (name) =>
    `Mend the service, or \`chancery managed renew ${name}\` with what it can serve: no earlier pair is fit.`,
  'not-served': (name) =>
    `Reload the services that \`chancery managed show ${name}\` names; the rest goes by itself.`,
  'given-up': (name) => `Mend the target, then \`chancery managed resume ${name}\`.`,
};

function renewed(name: string, running: boolean): string {
  return running
    ? `See why it is not renewed: \`chancery managed show ${name}\`.`
    : 'Start the server: it renews it.';
}

/** One finding of a kind: the first by name, and how many others. */
function tell(kind: Kind, faults: readonly Fault[], running: boolean): Said[] {
  const [first] = faults;
  if (first === undefined) return [];
  const { name, detail } = first;
  const others = faults.length - 1;
  const message = `${name}: ${detail}${others > 0 ? `; and ${plural(others, 'other')} like it` : ''}`;
  const isCritical = kind === 'expired' || kind === 'degraded';
  return [(isCritical ? critical : warning)(message, FIXES[kind](name, running))];
}
