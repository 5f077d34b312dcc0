/** The pipeline's ports, wired. */
import { clockGuard } from '../domain/issuance/clock-guard.ts';
import type { Grant } from '../domain/identity/grant.ts';
import type { IssuancePorts } from '../domain/issuance/issue.ts';
import { statusUrls } from '../domain/issuance/issuer.ts';
import type { Configuration } from '../config/index.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Ledger } from '../domain/issuance/ports.ts';
import type { OpenedData } from './open.ts';
import { leafSigner } from './signers.ts';

export function issuancePorts(
  opened: OpenedData,
  config: Configuration,
  statusUrl: string,
  grants: () => readonly Grant[],
  metrics?: Metrics,
): IssuancePorts {
  const guardClock = clockGuard(opened.clock, () => opened.store.latestAuditTime());
  return {
    clock: opened.clock,
    random: opened.random,
    trustDomain: config.trustDomain,
    urls: statusUrls(statusUrl),
    profiles: config.profiles,
    grants,
    issuers: opened.authority,
    signer: leafSigner(opened.keys),
    ledger: metrics === undefined ? opened.trail.ledger : counting(opened.trail.ledger, metrics),
    guard() {
      guardClock();
      opened.trail.check();
    },
  };
}

const counting = (ledger: Ledger, metrics: Metrics): Ledger => ({
  ...ledger,
  async record(recording) {
    const result = await ledger.record(recording);
    if (result.kind === 'recorded' && recording.certificate !== undefined)
      metrics.certificateIssued(
        recording.certificate.issuer,
        recording.certificate.profile,
        recording.audit[0]?.door ?? 'internal',
      );
    return result;
  },
});
