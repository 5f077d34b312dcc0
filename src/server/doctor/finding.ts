/** What a check found, and where it is explained. */

export const SEVERITIES = ['ok', 'info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const CHECK_IDS = [
  'chain',
  'expiry',
  'clock',
  'modes',
  'ports',
  'disk',
  'audit',
  'key-file',
  'external-url',
  'revocation',
  'managed',
  'version',
] as const;
export type CheckId = (typeof CHECK_IDS)[number];

export interface Finding {
  readonly check: CheckId;
  readonly severity: Severity;
  /** What was found, with its value. */
  readonly message: string;
  /** What mends it; absent where nothing is to be mended. */
  readonly fix?: string;
  /** Where the check is explained. */
  readonly docs: string;
}

/** What a check says; the examination adds whose it is. */
export type Said = Omit<Finding, 'check' | 'docs'>;

export const ok = (message: string): Said => ({ severity: 'ok', message });
export const info = (message: string, fix?: string): Said => ({
  severity: 'info',
  message,
  ...(fix !== undefined && { fix }),
});
export const warning = (message: string, fix: string): Said => ({ severity: 'warning', message, fix });
export const critical = (message: string, fix: string): Said => ({ severity: 'critical', message, fix });

/** What a check found wrong, or that all is well. */
export const orOk = (faults: readonly Said[], message: string): readonly Said[] =>
  faults.some(({ severity }) => severity !== 'info') ? faults : [ok(message), ...faults];

/** `1 root`, `3 generations` */
export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
