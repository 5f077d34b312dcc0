/** `Log` on pino: one JSON object a line, on stderr, without secrets. Programs import this room when they first need it. */
import { type DestinationStream, destination as openDestination, pino } from 'pino';
import type { Log, LogFields } from '../base/log.ts';
import { redact, redactText } from './redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Left out: stderr. Takes whole lines. */
  readonly destination?: { write(line: string): void };
}

/** What a reader who stopped reading may cost, in octets; more is dropped. */
const MOST_WAITING = 8 * 1024 * 1024;

export function createLog({ level, destination = standardError() }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      // errors were unfolded by `redact`
      serializers: { err: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
    },
    destination,
  );
  const at =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void => {
      if (!logger.isLevelEnabled(method)) return;
      const text = redactText(message);
      if (fields === undefined) logger[method](text);
      else logger[method](namesOfOurs(redact(fields) as object), text);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A field never replaces what every line has. */
function namesOfOurs(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [OWN_FIELDS.has(name) ? `${name}_` : name, value]),
  );
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'message']);

/** Asynchronous, so that a terminal or pipe that nobody reads does not hold the server; flushed when the process ends. */
const standardError = (): DestinationStream =>
  openDestination({ dest: 2, sync: false, maxLength: MOST_WAITING });
