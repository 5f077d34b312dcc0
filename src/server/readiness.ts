/** Whether the server can do its work now; `/readyz` says why not. */
import type { Readiness } from '../http/status/listener.ts';
import type { IssuerCrls } from './crls.ts';
import type { OpenedData } from './open.ts';

export type Phase = 'starting' | 'running' | 'stopping';

export function readiness(
  phase: Phase,
  { store, trail, authority }: OpenedData,
  crls: Pick<IssuerCrls, 'unusable'> | undefined,
): Readiness {
  const reasons: string[] = [];
  if (phase === 'starting') reasons.push('starting');
  if (phase === 'stopping') reasons.push('shutting down');
  if (!store.health().ok) reasons.push('the store does not accept records');
  try {
    trail.check();
  } catch {
    reasons.push('a required audit sink does not accept entries');
  }
  // one that was superseded since issues nothing anyway
  if (authority.policies().some(({ name }) => typeof authority.slots(name).current?.stopped === 'string'))
    reasons.push('an issuer is stopped');
  const [unusable] = crls?.unusable() ?? [];
  if (unusable !== undefined) reasons.push(`the CRL ${unusable} cannot be served`);
  return { ready: reasons.length === 0, reasons };
}
