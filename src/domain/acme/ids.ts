/** Ids of accounts, orders and authorizations: the time, then random digits. New ones sort after old ones. */
import type { Instant } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { toHex } from '../../x509/bytes.ts';

const TIME_DIGITS = 12;
const RANDOM_OCTETS = 8;

/** What ids of that time begin with. */
export const idOfTime = (at: Instant): string =>
  Math.max(0, Math.floor(at)).toString(16).padStart(TIME_DIGITS, '0');

export const newId = (random: Random, now: Instant): string =>
  idOfTime(now) + toHex(random.bytes(RANDOM_OCTETS));

/** Whether a part of a URL can be an id at all. */
export const isId = (text: string): boolean => /^[0-9a-f]{28}$/.test(text);
