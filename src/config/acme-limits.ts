/** `acme.limits`: how often ACME clients may ask (RFC 8555 6.6). */
import { z } from 'zod';
import { parseDuration } from '../base/clock.ts';
import type { Rate } from '../base/rate.ts';
import type { RateLimits } from '../domain/acme/context.ts';
import { text } from './rules.ts';

/** So many in so long; all of them may come at once. */
export interface LimitConfiguration {
  readonly count: number;
  readonly period: number;
}

const OFF = 'off';
const MOST = 1_000_000;

/** `300/3h`; `undefined` for what is none. */
export function parseLimit(value: string): LimitConfiguration | undefined {
  const [, count = '', within = ''] = /^([1-9][0-9]{0,6})\/(.+)$/.exec(value) ?? [];
  const period = parseDuration(within);
  if (count === '' || Number(count) > MOST || period === undefined || period < Number(count))
    return undefined;
  return { count: Number(count), period };
}

const limit = text((value) =>
  value === OFF || parseLimit(value) !== undefined
    ? undefined
    : {
        message: 'it is neither a limit nor off',
        rule: `a count up to ${MOST} and a duration, at most one a millisecond`,
        fix: 'Write it as 300/3h, or off.',
      },
);

/** What holds where the HTTPS listener is reached by others. */
const DEFAULTS: Readonly<Record<keyof RateLimits, string>> = {
  accountsPerAddress: '50/3h',
  ordersPerAccount: '300/3h',
  ordersPerName: '100/3h',
  certificatesPerNames: '30/1d',
  failuresPerName: '5/1h',
};

const setting = (name: keyof RateLimits, what: string) =>
  limit
    .optional()
    .describe(`${what} Left out: ${DEFAULTS[name]}, and off where listen.https is a loopback address.`)
    .meta({ examples: [DEFAULTS[name]] });

export const limits = z
  .strictObject({
    accountsPerAddress: setting(
      'accountsPerAddress',
      'New accounts from one IPv4 address or one /64 of IPv6, as the connection shows it: no header is believed.',
    ),
    ordersPerAccount: setting('ordersPerAccount', 'New orders of one account.'),
    ordersPerName: setting('ordersPerName', 'New orders for one name, over all accounts.'),
    certificatesPerNames: setting(
      'certificatesPerNames',
      'Certificates for exactly the same names, by one account.',
    ),
    failuresPerName: setting(
      'failuresPerName',
      'Failed validations of one name by one account; over it no order with that name begins.',
    ),
  })
  .prefault({})
  .describe(
    'How often clients may ask. All of a limit may come at once, then one each time its share of the period has passed; whoever is over it is told when to come again.',
  );

export type LimitsFile = z.output<typeof limits>;
const NAMES = Object.keys(DEFAULTS) as (keyof RateLimits)[];

/** In the words of the file: what holds. */
export const plainLimits = (said: LimitsFile, loopback: boolean): Record<keyof RateLimits, string> =>
  Object.fromEntries(NAMES.map((name) => [name, said[name] ?? (loopback ? OFF : DEFAULTS[name])])) as Record<
    keyof RateLimits,
    string
  >;

/** `undefined`: nothing is counted. */
export function resolveLimits(said: LimitsFile, loopback: boolean): RateLimits | undefined {
  const rates = Object.entries(plainLimits(said, loopback)).flatMap(([name, value]): [string, Rate][] => {
    const parsed = parseLimit(value);
    return parsed === undefined
      ? []
      : [[name, { burst: parsed.count, interval: Math.ceil(parsed.period / parsed.count) }]];
  });
  return rates.length === 0 ? undefined : Object.fromEntries(rates);
}
