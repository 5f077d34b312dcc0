/** Which CRLs a service that checks clients of an issuer needs. */
import { ChanceryError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { publishesCrls } from '../domain/revocation/issuer-crl.ts';
import type { CrlBundlePorts } from '../http/status/crl-bundle.ts';
import type { ServedCrl } from '../http/status/crl.ts';
import type { Authority } from './authority.ts';
import type { IssuerCrls } from './crls.ts';

export interface CrlBundleOptions {
  readonly clock: Clock;
  readonly authority: Pick<Authority, 'generations' | 'state'>;
  /** `undefined` while the server starts. */
  readonly issuerCrls: () => Pick<IssuerCrls, 'serve' | 'view'> | undefined;
  /** One that has run out is signed anew first; rejects with `not_ready` where it cannot be. */
  readonly rootCrl: (root: string) => Promise<ServedCrl | undefined>;
}

/**
 * The complete CRLs of the generations that are not retired, and those of their roots. A generation that is next and
 * for which nothing is published yet is left out: whoever checks lets none of its certificates pass.
 */
export function crlBundles(options: CrlBundleOptions): CrlBundlePorts['bundle'] {
  const { clock, authority, issuerCrls, rootCrl } = options;
  return async (issuer) => {
    const all = authority.generations(issuer);
    if (all.length === 0) return undefined;
    const crls = issuerCrls();
    if (crls === undefined) throw missing('any issuer');
    const now = clock.now();
    const published = new Set(
      crls.view().flatMap(({ crl }) => (crl?.scope === 'full' ? [crl.generation] : [])),
    );
    const generations = all.filter((generation) => {
      const state = authority.state(generation);
      return (
        state !== 'retired' &&
        publishesCrls(generation, now) &&
        (state !== 'next' || published.has(generation.id))
      );
    });
    if (generations.length === 0) throw missing(`a generation of ${issuer} that publishes one`);
    const names = [...new Set(generations.map(({ root }) => root))];
    const roots = await Promise.all(
      names.map(async (root) => {
        const crl = await rootCrl(root);
        if (crl !== undefined && now < crl.nextUpdate) return crl;
        throw missing(`the root ${root}`);
      }),
    );
    const own = await Promise.all(generations.map(({ id }) => crls.serve(id, 'full')));
    return [...own.filter((crl) => crl !== undefined), ...roots];
  };
}

const missing = (of: string): ChanceryError =>
  new ChanceryError('not_ready', {
    message: `there is no CRL of ${of} that is valid now`,
    rule: 'a file for services has the CRL of every CA in the chain',
    fix: 'Of an offline root: chancery ca sign-crl, then chancery ca import-crl.',
    retryAfter: 60,
  });
