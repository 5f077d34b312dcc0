/** What happens to a revocation after it was recorded: published elsewhere, and looked for as relying parties do. */
import type { Clock } from '../base/clock.ts';
import { SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Metrics, MetricSources } from '../base/metrics.ts';
import type { Configuration } from '../config/index.ts';
import { statusUrls } from '../domain/issuance/issuer.ts';
import type { CrlBundlePorts } from '../http/status/crl-bundle.ts';
import { StatusProbe } from '../probe/status.ts';
import type { IssuerCrls } from './crls.ts';
import { forwardClock } from './forward-clock.ts';
import type { OcspService } from './ocsp.ts';
import type { OpenedData } from './open.ts';
import { openPublication, type Publication } from './publication.ts';
import type { Roots } from './roots.ts';
import { signAhead } from './sign-ahead.ts';
import { ocspSigner } from './signers.ts';
import { Visibility } from './visibility.ts';

export interface PublishedOptions {
  readonly opened: OpenedData;
  readonly config: Configuration;
  readonly statusUrl: string;
  readonly log: Log;
  readonly crls: IssuerCrls;
  readonly roots: Roots;
  readonly bundle: CrlBundlePorts['bundle'];
  readonly ocsp: OcspService;
  readonly metrics: Pick<Metrics, 'revocationVisible'>;
}

export class Published {
  readonly #publication: Publication;
  readonly #visibility: Visibility;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor({ opened, config, statusUrl, log, crls, roots, bundle, ocsp, metrics }: PublishedOptions) {
    const { authority, clock, keys, store } = opened;
    this.#clock = clock;
    // as OCSP and CRLs are dated
    const forward = forwardClock(clock, () => store.latestAuditTime());
    this.#startedAt = clock.now();
    this.#publication = openPublication({
      ...{ opened, config, log, crls, roots, bundle },
      signer: signAhead({
        ...{ clock: forward, authority },
        responder: ocsp.responder,
        statuses: store.revocations,
        signer: ocspSigner(keys),
      }),
    });
    this.#visibility = new Visibility({
      ...{ clock, dated: forward, log },
      store: store.revocations,
      generation: authority.generation,
      urls: statusUrls(statusUrl),
      probe: new StatusProbe(),
      seen: (via, seconds) => metrics.revocationVisible(via, seconds),
    });
  }

  /** Called every second; returns at once. */
  tick(): void {
    this.#publication.tick();
    this.#visibility.tick();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#publication.stop(), this.#visibility.stop()]);
  }

  /** For metrics. */
  unseenSeconds(): number {
    return this.#since(this.#visibility.oldest() ?? this.#clock.now());
  }

  publications(): ReturnType<MetricSources['publications']> {
    return this.#publication.health().map(({ target, succeededAt, failures }) => ({
      ...{ target, failures },
      age: this.#since(succeededAt ?? this.#startedAt),
    }));
  }

  #since = (instant: number): number => Math.max(0, this.#clock.now() - instant) / SECOND;
}
