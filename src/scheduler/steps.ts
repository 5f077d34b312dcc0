/** The steps of the loop, done: each calls one edge and records what came of it. What is decided is decided in domain/. */
import type { Step } from '../domain/renewal/reconcile.ts';
import { deliver, retire, revoke } from './delivery-steps.ts';
import type { Desk } from './desk.ts';
import { giveUp, order, start } from './order-steps.ts';
import type { SchedulerPorts } from './ports.ts';
import { alarm, look, mark, rollBack } from './proof-steps.ts';

export async function take(
  step: Step,
  desk: Desk,
  ports: SchedulerPorts,
  signal: AbortSignal,
): Promise<void> {
  switch (step.kind) {
    case 'start':
      return start(desk, ports, step.reason);
    case 'give-up':
      return giveUp(desk, ports, step.version);
    case 'order':
      return order(desk, ports, step.version, signal);
    case 'look-before':
      return look(desk, ports, step.version, true, signal);
    case 'probe':
      return look(desk, ports, step.version, false, signal);
    case 'deliver':
      return deliver(desk, ports, step.version, step.target);
    case 'mark':
      return mark(desk, ports, step.version, step.as);
    case 'not-served':
      return alarm(desk, ports, step.version, 'not-served', step.endpoints);
    case 'degraded':
      return alarm(desk, ports, step.version, 'degraded', step.endpoints);
    case 'roll-back':
      return rollBack(desk, ports, step.version, step.to, step.endpoints);
    case 'retire':
      return retire(desk, ports, step.version, step.lapses);
    case 'revoke':
      return revoke(desk, ports, step.version);
  }
}
