/** What every adapter of `Target` keeps. */
import { describe, expect, test } from 'vitest';
import type { Pair, Target } from '../../src/domain/renewal/ports.ts';
import { madePair } from '../support/pairs.ts';

export interface TargetBackend {
  readonly name: string;
  /** An empty place of this test's own, and how a service reads the pair there. */
  readonly open: () => Promise<{
    readonly target: Target;
    /** Fingerprint of the leaf, and whether the key beside it is its own. */
    readonly read: () => Promise<{ fingerprint: string; paired: boolean } | undefined>;
  }>;
}

const served = (pair: Pair): { fingerprint: string; paired: boolean } => ({
  fingerprint: pair.fingerprint,
  paired: true,
});

export function targetContract({ name, open }: TargetBackend): void {
  describe(`${name} keeps the contract of targets`, () => {
    test('a pair is stored whole', async () => {
      const { target, read } = await open();
      const pair = await madePair(1);
      expect(await target.stored()).toBeUndefined();
      expect((await target.deliver(pair)).outcome).toBe('stored');
      expect(await read()).toEqual(served(pair));
      expect(await target.stored()).toBe(pair.fingerprint);
    });

    test('the same pair again changes nothing', async () => {
      const { target } = await open();
      const pair = await madePair(1);
      await target.deliver(pair);
      expect((await target.deliver(pair)).outcome).toBe('unchanged');
    });

    test('a new pair takes the place of the old one, and the old one can come back', async () => {
      const { target, read } = await open();
      const [first, second] = [await madePair(1), await madePair(2)];
      await target.deliver(first);
      await target.deliver(second);
      expect(await read()).toEqual(served(second));
      expect((await target.deliver(first)).outcome).toBe('stored');
      expect(await read()).toEqual(served(first));
    });

    test('forgetting what was leaves what is', async () => {
      const { target, read } = await open();
      const [first, second] = [await madePair(1), await madePair(2)];
      await target.deliver(first);
      await target.deliver(second);
      await target.forgetPrevious();
      expect(await read()).toEqual(served(second));
      expect(await target.stored()).toBe(second.fingerprint);
    });

    test('a rehearsal leaves no trace', async () => {
      const { target, read } = await open();
      const [first, throwAway] = [await madePair(1), await madePair(9)];
      await target.rehearse(throwAway);
      expect(await target.stored()).toBeUndefined();
      await target.deliver(first);
      await target.rehearse(throwAway);
      expect(await read()).toEqual(served(first));
    });
  });
}
