import { describe, expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/base/clock.ts';
import { OrderFault } from '../../src/domain/renewal/ports.ts';
import { FailureLimit, Resting } from '../../src/server/renewal/ca-limits.ts';
import { openTestStore, temporaryFile } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';

const DIRECTORY = 'https://ca.example.test/dir';

describe("a CA's limit of failed validations", () => {
  test('is kept for each name, until the oldest is an hour old; a restart forgets none', async () => {
    const clock = new FakeClock();
    const file = temporaryFile();
    const first = openTestStore({ clock, file });
    const limit = new FailureLimit(first.publicAuthorities, clock);
    const check = (limited: FailureLimit, name: string): unknown => {
      try {
        limited.check('ca', DIRECTORY, [name], 4);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    const began = clock.now();
    for (let tries = 0; tries < 4; tries += 1) {
      expect(check(limit, 'bad.example.test')).toBeUndefined();
      await limit.failed(DIRECTORY, ['bad.example.test']);
      clock.advance(MINUTE);
    }
    await first.close();
    const again = new FailureLimit(openTestStore({ clock, file }).publicAuthorities, clock);
    const refused = check(again, 'bad.example.test');
    expect(refused).toBeInstanceOf(OrderFault);
    expect(refused).toMatchObject({ over: false, retryAt: began + HOUR });
    // one who cannot be validated holds nobody else up
    expect(check(again, 'good.example.test')).toBeUndefined();
    clock.set(began + HOUR);
    expect(check(again, 'bad.example.test')).toBeUndefined();
  });
});

describe('CAs in order of preference', () => {
  test('one that is down comes last, for longer each time, until it answers', () => {
    const clock = new FakeClock();
    const resting = new Resting(clock);
    const names = ['first', 'second'];
    expect(resting.order(names)).toEqual(names);
    const rests = [MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, HOUR];
    for (const rest of rests) {
      resting.failed('first', undefined);
      // those that were asked side by side fail with it
      resting.failed('first', undefined);
      clock.advance(rest - 1);
      expect(resting.order(names)).toEqual(['second', 'first']);
      clock.advance(1);
      expect(resting.order(names)).toEqual(names);
    }
    resting.answered('first');
    resting.failed('first', clock.now() + 3 * HOUR);
    clock.advance(2 * HOUR);
    expect(resting.order(names)).toEqual(['second', 'first']);
  });

  test('where all rest they are asked all the same', () => {
    const resting = new Resting(new FakeClock());
    resting.failed('only', undefined);
    expect(resting.order(['only'])).toEqual(['only']);
  });
});
