/** Whose a certificate is, and how it is found again. */
import type { SignRequest } from '../../api/certificates.ts';

export interface BelongingOptions {
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
}

export const ownerAndLabels = ({
  owner,
  label,
}: BelongingOptions): Pick<SignRequest, 'owner' | 'labels'> => ({
  ...(owner && { owner }),
  ...(label && { labels: label }),
});

export const labelLines = (labels: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(labels).map(([key, value]) => `${key}=${value}`);
