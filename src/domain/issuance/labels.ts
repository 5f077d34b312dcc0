/** What people write on certificates to find them again: `team: payments`. It decides nothing. */

export type Labels = Readonly<Record<string, string>>;

export interface Label {
  readonly key: string;
  readonly value: string;
}

export const NO_LABELS: Labels = Object.freeze({});

/** One text for a label, as searches and indexes have it. Keys hold no colon. */
export const formatLabel = ({ key, value }: Label): string => `${key}:${value}`;

/** The other way. `undefined` for a text without a colon. */
export function parseLabel(text: string): Label | undefined {
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { key: text.slice(0, colon), value: text.slice(colon + 1) };
}

export const hasLabels = (labels: Labels): boolean => Object.keys(labels).length > 0;

export const labelTexts = (labels: Labels): string[] =>
  Object.entries(labels).map(([key, value]) => formatLabel({ key, value }));
