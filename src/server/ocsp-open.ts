/** OCSP over an opened data folder. */
import type { Log } from '../base/log.ts';
import { forwardClock } from './forward-clock.ts';
import { type OcspCounts, OcspService, type OcspServiceOptions } from './ocsp.ts';
import type { OpenedData } from './open.ts';

/** As with CRLs, no answer is older than what was answered before the clock went back. */
export function openOcsp(
  opened: OpenedData,
  ports: OcspServiceOptions['ports'],
  log: Log,
  counts: OcspCounts,
): OcspService {
  const { store } = opened;
  const clock = forwardClock(opened.clock, () => store.latestAuditTime());
  return new OcspService(
    {
      ...opened,
      clock,
      ports: { ...ports, clock },
      inventory: store.inventory,
      statuses: store.revocations,
      log,
    },
    counts,
  );
}
