/** CloudEvents 1.0, structured JSON: an entry of the audit log as other programs take it. */
import type { AuditEntry } from '../domain/audit/entry.ts';

export const MEDIA_TYPE = 'application/cloudevents+json';

/** Events of managed certificates and public CAs; others are of the audit log and its sinks. */
export const isTold = (event: string): boolean =>
  event.startsWith('managed.') || event.startsWith('authority.');

/** `types`: beginnings of what follows `chancery.`, e.g. `managed.` or `managed.rolled-back`; empty for all. */
export const isWanted = (event: string, types: readonly string[]): boolean =>
  isTold(event) &&
  (types.length === 0 || types.some((type) => event === type || event.startsWith(`${type}.`)));

export interface CloudEvent {
  /** The same with every try: who receives it twice knows it. */
  readonly id: string;
  readonly body: string;
}

/** What is declared of objects stays here: events say that it changed, and the API says what it is. */
const LEFT_OUT: ReadonlySet<string> = new Set(['spec', 'before', 'rule']);

/** What an entry says; `time` as RFC 3339. */
export interface Told {
  readonly sequence: number;
  readonly time: string;
  readonly event: string;
  readonly outcome: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export const readEntry = ({ sequence, body }: AuditEntry): Told => ({
  ...(JSON.parse(body) as Omit<Told, 'sequence'>),
  sequence,
});

export function cloudEvent(told: Told, trustDomain: string, owner: string | undefined): CloudEvent {
  const id = `${trustDomain}:${told.sequence}`;
  const { managed, authority } = told.details;
  const subject = [managed, authority].find((value) => typeof value === 'string');
  const details = Object.fromEntries(Object.entries(told.details).filter(([key]) => !LEFT_OUT.has(key)));
  return {
    id,
    body: JSON.stringify({
      specversion: '1.0',
      id,
      source: `//${trustDomain}/chancery`,
      type: `chancery.${told.event}`,
      ...(subject !== undefined && { subject }),
      time: told.time,
      datacontenttype: 'application/json',
      data: { outcome: told.outcome, ...(owner !== undefined && { owner }), ...details },
    }),
  };
}
