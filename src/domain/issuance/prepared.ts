/** What was authorized, assembled and linted, and may be signed: once. Boulder calls it an issuance token. */
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import { readTbsCertificate } from '../../x509/certificate.ts';
import type { Generation } from './issuer.ts';
import { lintCertificate, type LintContext } from './lint/index.ts';

export class PreparedCertificate {
  readonly generation: Generation;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(tbs: Bytes, generation: Generation) {
    this.#tbs = tbs;
    this.generation = generation;
  }

  /** The only way to one: lints the octets. Throws `lint_failed` with every finding. */
  static of(tbs: Bytes, generation: Generation, context: LintContext): PreparedCertificate {
    const certificate = readTbsCertificate(tbs);
    const findings = lintCertificate({ ...context, certificate });
    const [first] = findings;
    if (first !== undefined)
      throw new ChanceryError('lint_failed', {
        message: findings.map(({ message }) => message).join('; '),
        rule: first.source,
        fix: 'Ask for a certificate that keeps the rule.',
        errors: findings.map(({ lint, message }) => ({ field: lint, message })),
      });
    return new PreparedCertificate(tbs, generation);
  }

  /** The octets to be signed, in a copy that the signer may keep. A second call throws: nothing is signed twice. */
  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared certificate was redeemed twice');
    this.#redeemed = true;
    return concat([this.#tbs]);
  }

  /** Whether these are the octets that passed the lints. */
  isLinted(tbs: Bytes): boolean {
    return equal(tbs, this.#tbs);
  }
}
