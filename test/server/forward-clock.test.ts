import { expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { forwardClock } from '../../src/server/forward-clock.ts';
import { FakeClock } from '../fakes/clock.ts';
import { NOON } from '../support/records.ts';

test('a clock that goes back a day: time goes on from the latest on record, until the clock has caught up', () => {
  const clock = new FakeClock(NOON);
  let [latest, elapsed] = [NOON - 5, 1000.25];
  const forward = forwardClock(
    clock,
    () => latest,
    () => elapsed,
  );
  expect(forward.now()).toBe(NOON);
  latest = NOON;
  clock.set(NOON - DAY);
  expect(forward.now()).toBe(NOON);
  elapsed += HOUR;
  expect(forward.now()).toBe(NOON + HOUR);
  // something was recorded with that time
  latest = NOON + HOUR;
  expect(forward.now()).toBe(NOON + HOUR);
  elapsed += 10;
  expect(forward.now()).toBe(NOON + HOUR + 10);
  clock.set(NOON + DAY);
  expect(forward.now()).toBe(NOON + DAY);
  // back once more: counted from then, not from the first time
  elapsed += HOUR;
  clock.set(NOON);
  expect(forward.now()).toBe(NOON + HOUR);
});
