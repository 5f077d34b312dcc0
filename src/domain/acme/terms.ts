/** Terms of service (RFC 8555 7.3.3). */
import { AcmeProblem } from './problem.ts';

export const termsNotAgreed = (terms: string): AcmeProblem =>
  new AcmeProblem('userActionRequired', {
    detail: `the terms of service at ${terms} are not agreed to (RFC 8555 7.3.3)`,
    link: { url: terms, relation: 'terms-of-service' },
  });
