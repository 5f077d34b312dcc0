export type LogFields = Readonly<Record<string, unknown>>;

/** Operational log. Never a secret: private keys, tokens and passphrases have no business in `fields`. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
