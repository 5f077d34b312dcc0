import { ChanceryError } from '../base/errors.ts';

/** `why` is the end of "line 7 of …: ". */
export const damaged = (file: string, line: number, why: string): ChanceryError =>
  new ChanceryError('damaged_journal', {
    message: `line ${line} of ${file}: ${why}`,
    rule: 'each line of the journal vouches for the one before; only the very end may be cut off by a crash',
    fix: 'Bring the journal back from a copy. If there is none, name an empty place for a new one and run `chancery server admin accept-journal`.',
  });
