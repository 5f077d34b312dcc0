/** Runs a decision; a refusal is on record before it is answered. */
import { ChanceryError } from '../../base/errors.ts';
import type { Exchange } from './exchange.ts';
import { draft } from './draft.ts';
import type { AdminPorts } from './ports.ts';

export async function recordingRefusal<T>(
  ports: AdminPorts,
  { principal, door, operation }: Pick<Exchange, 'principal' | 'door' | 'operation'>,
  decide: () => T | Promise<T>,
): Promise<T> {
  try {
    return await decide();
  } catch (error) {
    if (error instanceof ChanceryError)
      await ports.record([
        draft(ports, 'request.refused', 'refused', principal, door, {
          operation,
          code: error.code,
          reason: error.message,
        }),
      ]);
    throw error;
  }
}
