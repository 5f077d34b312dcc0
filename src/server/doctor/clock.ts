/** Whether the time is one that this authority can have, and whether it runs evenly. */
import { setTimeout as pause } from 'node:timers/promises';
import { formatDuration, formatInstant, HOUR, SECOND } from '../../base/clock.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { Facts } from './facts.ts';
import { critical, ok, type Said, warning } from './finding.ts';
import { notChecked, recordsOf } from './records.ts';

const FIX =
  'Set the clock right, and let NTP keep it (`timedatectl status`). If the log is what is wrong: `chancery server admin accept-clock`.';
/** What the server's own guard forgives (see domain/issuance/clock-guard.ts). */
const TOLERANCE = HOUR;
/** An entry is written within a moment of its time. */
const JITTER = 2 * SECOND;
const WATCHED = 200;
/** By which the wall clock may run away from the monotonic one while it is watched. */
const MAX_SLIP = 50;

export async function lookAtClock(facts: Facts): Promise<readonly Said[]> {
  const { clock } = facts;
  const faults = await slipFaults(facts);
  const records = recordsOf(facts);
  if (records === undefined) return [...faults, notChecked];
  const now = clock.now();
  const latest = records.latestAuditTime;
  const behind = latest - now;
  const begun = records.authorities
    .roots()
    .map(({ name, certificate }) => ({ name, notBefore: readCertificate(certificate).notBefore }))
    .find(({ notBefore }) => now < notBefore);
  if (begun !== undefined)
    faults.push(
      critical(
        `it is ${formatInstant(now)}, before the root ${begun.name} began (${formatInstant(begun.notBefore)})`,
        FIX,
      ),
    );
  if (behind > TOLERANCE)
    faults.push(
      critical(
        `it is ${formatInstant(now)}, ${formatDuration(behind)} behind the audit log's latest entry (${formatInstant(latest)}): nothing is signed`,
        FIX,
      ),
    );
  else if (behind > JITTER)
    faults.push(
      warning(
        `it is ${formatInstant(now)}, ${formatDuration(behind)} behind the audit log's latest entry (${formatInstant(latest)})`,
        FIX,
      ),
    );
  if (faults.length > 0) return faults;
  return [ok(`it is ${formatInstant(now)}, not before the latest audit entry (${formatInstant(latest)})`)];
}

async function slipFaults({ clock, monotonic }: Facts): Promise<Said[]> {
  const [wall, steady] = [clock.now(), monotonic()];
  await pause(WATCHED);
  const slip = clock.now() - wall - (monotonic() - steady);
  return Math.abs(slip) <= MAX_SLIP
    ? []
    : [
        warning(
          `the clock moved by ${Math.round(slip)} ms against the monotonic one within ${WATCHED} ms`,
          FIX,
        ),
      ];
}
