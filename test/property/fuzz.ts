import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import { fuzzTargets, type FuzzTarget } from './fuzz-targets.ts';

const STALL = 100;

/** Milliseconds that a reader takes; a pause of the machine is not the reader's, so what was slow is asked again. */
function timeOf(read: () => unknown): number {
  let best = Infinity;
  for (let tries = 0; tries < 3 && best > STALL; tries++) {
    const start = performance.now();
    try {
      read();
    } catch (error) {
      if (!isChanceryError(error)) throw error;
    }
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function check({ read }: FuzzTarget, input: unknown): void {
  const time = timeOf(() => read(input as never));
  if (time > STALL) throw new Error(`it took ${time} ms`);
}

/** Defines one test per reader: `runs` inputs, no error but ours, no stall, nothing new on any prototype. */
export async function fuzz(runs: number): Promise<void> {
  const targets = await fuzzTargets();
  const prototypes = [
    Object.prototype,
    Array.prototype,
    Uint8Array.prototype,
    Buffer.prototype,
    Map.prototype,
  ];
  const own = (): string[] => prototypes.flatMap((prototype) => Reflect.ownKeys(prototype).map(String));
  describe('random and damaged input is read or refused, never more', () => {
    it.each(targets.map((target) => [target.name, target] as const))(
      '%s',
      { timeout: 600_000 },
      (_name, target) => {
        const before = own();
        fc.assert(
          fc.property(target.input, (input) => {
            check(target, input);
          }),
          { numRuns: runs },
        );
        expect(own()).toEqual(before);
      },
    );
  });
}
