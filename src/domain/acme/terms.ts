/** Terms of service (RFC 8555 7.3.3). */
import type { AcmeAccount } from './account.ts';
import type { DirectoryPolicy } from './context.ts';
import { AcmeProblem } from './problem.ts';

export const termsNotAgreed = (terms: string): AcmeProblem =>
  new AcmeProblem('userActionRequired', {
    detail: `the terms of service at ${terms} are not agreed to (RFC 8555 7.3.3)`,
    link: { url: terms, relation: 'terms-of-service' },
    // where people read what they are to agree to
    data: { instance: terms },
  });

/** Throws `userActionRequired` for an account that has not agreed to the terms as they are now. */
export function requireTerms(
  { terms, termsSince = 0 }: Pick<DirectoryPolicy, 'terms' | 'termsSince'>,
  { termsAgreedAt }: Pick<AcmeAccount, 'termsAgreedAt'>,
): void {
  if (terms !== undefined && (termsAgreedAt === null || termsAgreedAt < termsSince))
    throw termsNotAgreed(terms);
}
