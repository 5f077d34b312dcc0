/** The checks, in the order in which they are told. */
import { lookAtAudit } from './audit.ts';
import { lookAtChain } from './chain.ts';
import { lookAtClock } from './clock.ts';
import { lookAtDisk } from './disk.ts';
import { lookAtExpiry } from './expiry.ts';
import { lookAtExternalUrls } from './external-url.ts';
import type { Facts } from './facts.ts';
import type { CheckId, Said } from './finding.ts';
import { lookAtKeyFiles } from './key-file.ts';
import { lookAtManaged } from './managed.ts';
import { lookAtModes } from './modes.ts';
import { lookAtPorts } from './ports.ts';
import { lookAtRevocation } from './revocation.ts';
import { lookAtVersion } from './version.ts';

export interface Check {
  readonly id: CheckId;
  readonly look: (facts: Facts) => readonly Said[] | Promise<readonly Said[]>;
}

export const CHECKS: readonly Check[] = [
  { id: 'chain', look: lookAtChain },
  { id: 'expiry', look: lookAtExpiry },
  { id: 'clock', look: lookAtClock },
  { id: 'modes', look: lookAtModes },
  { id: 'ports', look: lookAtPorts },
  { id: 'disk', look: lookAtDisk },
  { id: 'audit', look: lookAtAudit },
  { id: 'key-file', look: lookAtKeyFiles },
  { id: 'external-url', look: lookAtExternalUrls },
  { id: 'revocation', look: lookAtRevocation },
  { id: 'managed', look: lookAtManaged },
  { id: 'version', look: lookAtVersion },
];
