/** What a refusal looks like from outside. */
import { ChanceryError } from '../../src/base/errors.ts';

/** Runs `action` and returns the refusal that it throws. Anything else, also no throw at all, fails the test. */
export function refusalOf(action: () => unknown): ChanceryError {
  try {
    action();
  } catch (error) {
    if (error instanceof ChanceryError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

export async function refusalOfAsync(action: () => Promise<unknown>): Promise<ChanceryError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ChanceryError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
