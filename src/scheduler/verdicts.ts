/** Facts that come from outside of the loop: a certificate was revoked, a CA moved its window. */
import { HOUR, type Instant } from '../base/clock.ts';
import { revived } from '../domain/renewal/transitions.ts';
import { type Version, versionState } from '../domain/renewal/version.ts';
import { readCertificate } from '../x509/certificate.ts';
import type { Desk } from './desk.ts';
import type { SchedulerPorts } from './ports.ts';

const asked = new WeakMap<SchedulerPorts, Map<string, Instant>>();

export async function refreshFacts(desk: Desk, ports: SchedulerPorts): Promise<void> {
  await retryWhatWaits(desk, ports);
  for (const version of desk.versions()) {
    const state = versionState(version);
    if (version.certificate === null || (state !== 'current' && state !== 'staged' && state !== 'previous'))
      continue;
    await refreshVerdict(desk, ports, version);
    if (state === 'current') await refreshWindow(desk, ports, version);
  }
}

/** An operator has mended something: what waits or was given up is tried now. */
async function retryWhatWaits(desk: Desk, ports: SchedulerPorts): Promise<void> {
  const asked = desk.managed()?.retryAskedAt ?? null;
  if (asked === null) return;
  const now = ports.clock.now();
  await desk.record(() => ({
    managed: (found) => ({
      ...found,
      retryAskedAt: found.retryAskedAt === asked ? null : found.retryAskedAt,
    }),
    versions: desk
      .versions()
      .filter((version) => ['pending', 'staged', 'verified', 'current'].includes(versionState(version)))
      .map((version) => revived(version, now)),
    audit: [],
  }));
}

async function refreshVerdict(
  desk: Desk,
  ports: SchedulerPorts,
  { number, certificate }: Version,
): Promise<void> {
  const [leaf] = desk.material(number).certificates;
  if (certificate === null || leaf === undefined || certificate.bad !== null) return;
  const { spki } = readCertificate(leaf, 'either');
  const bad = ports.verdictOn({ serial: certificate.serial, issuedBy: certificate.issuedBy, spki });
  if (bad === null) return;
  await desk.change(number, (found) => ({
    ...found,
    certificate: found.certificate === null ? null : { ...found.certificate, bad },
  }));
}

/** RFC 9773 4.3: asked again when the CA said, and drawn once for each window. */
async function refreshWindow(
  desk: Desk,
  ports: SchedulerPorts,
  { number, certificate }: Version,
): Promise<void> {
  const [leaf] = desk.material(number).certificates;
  if (certificate === null || leaf === undefined) return;
  const known = asked.get(ports) ?? new Map<string, Instant>();
  asked.set(ports, known);
  const now = ports.clock.now();
  if ((known.get(certificate.fingerprint) ?? 0) > now) return;
  const window = await ports.source.window(certificate.issuedBy, leaf).catch(() => undefined);
  known.set(certificate.fingerprint, window?.askAgainAt ?? now + 6 * HOUR);
  if (window === undefined) return;
  const same = certificate.window?.start === window.start && certificate.window.end === window.end;
  if (same) return;
  await desk.change(number, (found) => ({
    ...found,
    certificate:
      found.certificate === null
        ? null
        : { ...found.certificate, window: { start: window.start, end: window.end } },
  }));
}
