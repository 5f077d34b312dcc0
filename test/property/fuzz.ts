import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { fuzzTargets, type FuzzTarget } from './fuzz-targets.ts';

/** Milliseconds. */
const STALL = 100;

function check({ read }: FuzzTarget, input: unknown): void {
  const start = performance.now();
  readOrRefuse(read, input);
  if (performance.now() - start < STALL) return;
  const time = cpuTime(() => readOrRefuse(read, input));
  if (time > STALL) throw new Error(`it took ${time} ms`);
}

function readOrRefuse(read: FuzzTarget['read'], input: unknown): void {
  try {
    read(input as never);
  } catch (error) {
    if (!isChanceryError(error)) throw error;
  }
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
