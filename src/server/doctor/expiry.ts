/** How much of their lives the certificates have left that everything else hangs on. */
import { existsSync, readFileSync } from 'node:fs';
import { formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, type Said, warning } from './finding.ts';
import { isRetired, notChecked, recordsOf } from './records.ts';

interface Life {
  readonly what: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Fractions of its life that are left when it is time to act, and when it is nearly too late. */
  readonly warn: number;
  readonly alarm: number;
  readonly fix: string;
}

/** A generation is prepared when a third is left; a root needs a year for the last generation below it. */
const ROOT = { warn: 0.25, alarm: 0.1 };
const GENERATION = { warn: 1 / 3, alarm: 0.1 };
/** The command line renews it past two thirds, whenever it is used. */
const ADMIN = { warn: 1 / 6, alarm: 0 };

export function lookAtExpiry(facts: Facts): readonly Said[] {
  const records = recordsOf(facts);
  const now = facts.clock.now();
  if (records === undefined) return [notChecked, ...adminFaults(facts, now)];
  const roots = records.authorities.roots().map(({ name, certificate }): Life => ({
    what: `the root ${name}`,
    ...readCertificate(certificate),
    ...ROOT,
    fix: 'Make its successor: `chancery ca --help`.',
  }));
  const living = records.authorities.generations().filter((generation) => !isRetired(generation, now));
  const generations = living.map(({ id, certificate }): Life => ({
    what: `the generation ${id}`,
    ...readCertificate(certificate),
    ...GENERATION,
    fix: 'Prepare and activate its successor: `chancery issuer --help`.',
  }));
  const all = [...roots, ...generations];
  const first = all.reduce<Life | undefined>(
    (soonest, life) => (soonest === undefined || life.notAfter < soonest.notAfter ? life : soonest),
    undefined,
  );
  const faults = [...all.flatMap((life) => lifeFaults(life, now)), ...adminFaults(facts, now)];
  return orOk(
    faults,
    first === undefined ? 'nothing to expire' : `${first.what} is the first to expire: ${left(first, now)}`,
  );
}

function adminFaults({ paths }: Facts, now: Instant): Said[] {
  const fix = 'Stop the server and run `chancery server admin recover`.';
  const file = paths.adminCertificate;
  if (!existsSync(file)) return [info(`there is no ${file}: nobody logs in with this folder alone`, fix)];
  try {
    const [leaf] = decodePem(readFileSync(file, 'utf8'));
    if (leaf === undefined) throw new Error('it holds no certificate');
    const life = { what: `the admin certificate ${file}`, ...readCertificate(leaf.der), ...ADMIN, fix };
    return lifeFaults(life, now);
  } catch (error) {
    return [warning(`the admin certificate ${file} cannot be read: ${(error as Error).message}`, fix)];
  }
}

function lifeFaults(life: Life, now: Instant): Said[] {
  const { what, notBefore, notAfter, warn, alarm, fix } = life;
  if (now < notBefore)
    return [critical(`${what} is not valid before ${formatInstant(notBefore)}`, 'Set the clock right.')];
  if (now > notAfter) return [critical(`${what} expired on ${formatInstant(notAfter)}`, fix)];
  const fraction = (notAfter - now) / (notAfter - notBefore);
  if (fraction < alarm) return [critical(`${what} is nearly over: ${left(life, now)}`, fix)];
  return fraction < warn ? [warning(`${what} is about to end: ${left(life, now)}`, fix)] : [];
}

/** `336d (92 %) left, until 2027-…` */
function left({ notBefore, notAfter }: Life, now: Instant): string {
  const percent = Math.floor(((notAfter - now) / (notAfter - notBefore)) * 100);
  return `${formatDuration(notAfter - now)} (${percent} %) left, until ${formatInstant(notAfter)}`;
}
