/** `chancery managed renew`: asks for a new version and watches it until it is current, or until it cannot be. */
import { setTimeout as wait } from 'node:timers/promises';
import type { ManagedProgress, ManagedResource, VersionView } from '../../api/managed.ts';
import { formatDuration, type Instant, parseDuration, SECOND } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { sayWhere } from '../remove.ts';
import type { ExitCode, Session } from '../session.ts';
import { harmless, hasColour, paint, say, type Terminal } from '../terminal.ts';
import { printManaged } from './show.ts';

export interface RenewOptions extends Asking {
  /** `--no-wait` makes it false. */
  readonly wait: boolean;
  readonly timeout: string;
}

export async function renew(session: Session, options: RenewOptions, name: string): Promise<ExitCode> {
  const { terminal } = session;
  const path = `/managed/${encodeURIComponent(name)}`;
  return withClient(session, options, async (client) => {
    const before = await client.get<ManagedResource>(path);
    const { sequence } = await client.get<ManagedProgress>(`${path}/progress`, { after: 0 });
    sayWhere(terminal, client, `renewing ${harmless(name)}`);
    const asked = await client.post<ManagedResource>(`${path}/renew`, undefined);
    if (!options.wait) {
      await printManaged(session, options, asked);
      return 0;
    }
    const limit = parseDuration(options.timeout) ?? 0;
    const { managed, cause } = await watch(terminal, client, path, {
      above: lastBefore(before),
      sequence,
      until: Date.now() + limit,
    });
    await printManaged(session, options, managed);
    if (cause === undefined) return 0;
    say(terminal, `${paint(hasColour(terminal, 'stderr'), 'red', 'error:')} ${harmless(cause)}`);
    return 2;
  });
}

/** One that is under way is pushed on and is the one that is watched; else the next one is. */
function lastBefore({ versions: [newest] }: ManagedResource): number {
  if (newest === undefined) return 0;
  return UNDER_WAY.includes(newest.state) ? newest.number - 1 : newest.number;
}

const UNDER_WAY = ['pending', 'staged', 'verified'];

interface Watch {
  /** The version that is watched is the first with a higher number. */
  readonly above: number;
  /** Lines up to here are old. */
  readonly sequence: number;
  /** By this machine's own clock. */
  readonly until: Instant;
}

interface Outcome {
  readonly managed: ManagedResource;
  /** Why the version is not current; left out: it is. */
  readonly cause?: string;
}

/** Seconds that the server holds an answer back while nothing happens. */
const HOLD = 5;

async function watch(
  terminal: Terminal,
  client: Client,
  path: string,
  { above, sequence, until }: Watch,
): Promise<Outcome> {
  const begun = Date.now();
  let after = sequence;
  for (;;) {
    const asked = Date.now();
    const progress = await patiently(terminal, until, () =>
      client.get<ManagedProgress>(`${path}/progress`, { after, wait: HOLD }),
    );
    for (const { version, message } of progress.lines)
      say(
        terminal,
        `${formatDuration(Math.floor((Date.now() - begun) / SECOND) * SECOND).padStart(6)}  version ${version}: ${harmless(message)}`,
      );
    after = progress.sequence;
    const managed = await patiently(terminal, until, () => client.get<ManagedResource>(path));
    const verdict = judge(managed, above);
    if (verdict === 'current') return { managed };
    if (verdict !== 'under way') return { managed, cause: verdict };
    if (Date.now() >= until) return { managed, cause: late(managed, above) };
    // a server that holds nothing back is not hammered
    if (Date.now() - asked < SECOND / 2) await wait(SECOND / 2);
  }
}

/** `current`, `under way`, or why it will not be current. */
export function judge({ versions }: ManagedResource, above: number): string {
  const ours = versions.findLast(({ number }) => number > above);
  if (ours === undefined) return 'under way';
  const { number, state, alarm } = ours;
  const cause = causeOf(ours);
  if (alarm === 'stored but not served') return `version ${number} is stored but not served: ${cause}`;
  if (alarm === 'degraded')
    return `version ${number} breaks an endpoint, and no pair is fit to be put back: ${cause}`;
  if (state === 'failed') return `version ${number} failed: ${cause}`;
  if (state === 'rolled-back') return `version ${number} was rolled back: ${cause}`;
  return UNDER_WAY.includes(state) ? 'under way' : 'current';
}

function causeOf({ error, targets, probes }: VersionView): string {
  const endpoints = probes.filter(({ state }) => state !== 'new');
  const all = [
    ...(error === undefined ? [] : [error]),
    ...targets.flatMap(({ target, error: one }) => (one === undefined ? [] : [`${target}: ${one}`])),
    ...endpoints.map(({ address, state, detail }) => `${address} is ${state}, ${detail}`),
  ];
  return all.length === 0 ? 'the audit log says more' : all.join('; ');
}

function late({ versions }: ManagedResource, above: number): string {
  const version = versions.findLast(({ number }) => number > above) ?? versions[0];
  if (version === undefined) return 'no version was begun in time';
  return `version ${version.number} is still ${version.state}: ${causeOf(version)}; the server goes on with it`;
}

/** A server that restarts goes on with the version afterwards; so does who watches. */
async function patiently<Answer>(
  terminal: Terminal,
  until: Instant,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (let told = false; ; told = true)
    try {
      return await ask();
    } catch (error) {
      if (!isChanceryError(error) || error.code !== 'unreachable' || Date.now() >= until) throw error;
      if (!told) say(terminal, 'no answer from the server; asking again');
      await wait(2 * SECOND);
    }
}
