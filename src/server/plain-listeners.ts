/** The two listeners without TLS, as they are made: not bound yet. */
import { createServer, type Server } from 'node:http';
import type { Metrics } from '../base/metrics.ts';
import { TRY_LATER } from '../domain/revocation/ocsp-answers.ts';
import { createStatusListener } from '../http/status/listener.ts';
import { createMetricsListener } from '../http/status/metrics-listener.ts';
import { SLOW_CLIENT_LIMITS } from '../http/tls-listener.ts';
import type { crlBundles } from './crl-bundle.ts';
import type { IssuerCrls } from './crls.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { OcspService } from './ocsp.ts';
import type { OpenedData } from './open.ts';
import { type Phase, readiness } from './readiness.ts';

export interface StatusParts {
  readonly opened: OpenedData;
  readonly bundle: ReturnType<typeof crlBundles>;
  readonly phase: () => Phase;
  /** What is not there yet while the server starts. */
  readonly crls: () => IssuerCrls | undefined;
  readonly lifecycle: () => Lifecycle | undefined;
  readonly ocsp: () => OcspService | undefined;
}

export function statusServer({ opened, bundle, phase, crls, lifecycle, ocsp }: StatusParts): Server {
  const { authority, clock } = opened;
  return createServer(
    SLOW_CLIENT_LIMITS,
    createStatusListener({
      certificate: authority.certificate,
      crls: {
        now: () => clock.now(),
        crl: async (generation, scope) => crls()?.serve(generation, scope),
        rootCrl: async (root) => lifecycle()?.roots.serve(root),
      },
      crlBundles: { now: () => clock.now(), bundle },
      readiness: () => readiness(phase(), opened, crls()),
      ocsp: { clock, answer: (request) => ocsp()?.answer(request) ?? TRY_LATER },
    }),
  );
}

export const metricsServer = (metrics: Metrics): Server =>
  createServer(
    SLOW_CLIENT_LIMITS,
    createMetricsListener(async () => {
      const { contentType, body } = await metrics.render();
      return { type: contentType, body };
    }),
  );
