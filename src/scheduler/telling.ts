/** What steps share: draws, words for what went wrong, and events. */
import { ChanceryError } from '../base/errors.ts';
import type { Instant } from '../base/clock.ts';
import { OrderFault } from '../domain/renewal/ports.ts';
import type { Version } from '../domain/renewal/version.ts';
import type { SchedulerPorts } from './ports.ts';

/** 0 to 1. */
export const draw = ({ random }: SchedulerPorts): number =>
  Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;

export function tell(
  { clock, emit, store }: SchedulerPorts,
  version: Version,
  type: Parameters<SchedulerPorts['emit']>[0]['type'],
  cause: string | null = null,
  nextTryAt: Instant | null = null,
  target: string | null = null,
): void {
  emit({
    type,
    time: clock.now(),
    managed: version.managed,
    version: version.number,
    owner: store.find(version.managed)?.wish.owner ?? null,
    serial: version.certificate?.serial ?? null,
    cause,
    nextTryAt,
    target,
  });
}

/** For people and logs: errors of ours say what went wrong, others only that. */
export function said(error: unknown): string {
  if (error instanceof ChanceryError || error instanceof OrderFault) return error.message;
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
}
