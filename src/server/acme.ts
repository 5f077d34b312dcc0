/** The ACME server, wired. */
import type { RequestListener } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Configuration } from '../config/index.ts';
import type { DirectoryPolicy } from '../domain/acme/context.ts';
import { Nonces } from '../domain/acme/nonces.ts';
import type { OperatorPorts } from '../domain/acme/operator.ts';
import type { Revoker } from '../domain/acme/ports.ts';
import { AcmeServer } from '../domain/acme/server.ts';
import type { IssuancePorts } from '../domain/issuance/request.ts';
import { LEAF_REASONS } from '../domain/revocation/reasons.ts';
import type { RevocationPorts } from '../domain/revocation/request.ts';
import { draftOf, order, record } from '../domain/revocation/revoke.ts';
import { type AcmeAnswered, createAcmeListener } from '../http/acme/listener.ts';
import { openChallengeProbe } from '../validation/index.ts';
import { CRL_REASONS } from '../x509/crl.ts';
import type { OpenedData } from './open.ts';
import { secretBox } from './secret-box.ts';

export interface AcmeOptions {
  readonly opened: OpenedData;
  readonly config: Configuration;
  readonly log: Log;
  readonly issuance: IssuancePorts;
  readonly revocation: RevocationPorts;
  readonly metrics: Metrics;
  /** Where clients reach the HTTPS listener. */
  readonly httpsUrl: string;
}

export interface AcmeService {
  readonly server: AcmeServer;
  readonly listener: RequestListener;
  /** Ends what runs; what did not end is taken up at the next start. */
  stop(): Promise<void>;
}

export function openAcme(options: AcmeOptions): AcmeService {
  const { opened, config, log, issuance, metrics, httpsUrl } = options;
  const { store, authority, random, keyring } = opened;
  const probe = openChallengeProbe(config.acme);
  const server = new AcmeServer({
    issuance,
    store: store.acme,
    nonces: new Nonces(random),
    probe,
    caa: probe,
    secrets: secretBox(keyring, random),
    revoker: revoker(options.revocation),
    log,
    wait: (duration, signal) => wait(duration, undefined, { signal }),
    directories: directories(config),
    url: `${httpsUrl}/acme`,
    chain(id) {
      const generation = authority.generation(id);
      const root = generation && authority.root(generation.root);
      return generation && root && { issuer: generation.certificate.raw, root: root.certificate.raw };
    },
    limits: config.acme.limits,
  });
  const resumed = server.validations.resume();
  if (resumed > 0) log.info('validations that were cut off go on', { count: resumed });
  return {
    server,
    listener: createAcmeListener(server, (answered) => observe(metrics, log, answered)),
    stop: () => server.validations.stop(),
  };
}

/** What operators need of it. */
export const acmeOperator = (
  { store, keyring, random }: OpenedData,
  config: Configuration,
  issuance: IssuancePorts,
): OperatorPorts => ({
  issuance,
  store: store.acme,
  secrets: secretBox(keyring, random),
  directories: directories(config),
});

const directories = ({
  issuers,
  acme: { caaIdentities, terms, termsSince, website },
}: Configuration): ReadonlyMap<string, DirectoryPolicy> =>
  new Map(
    issuers
      .filter(({ acme }) => acme.enabled)
      .map(({ name, profiles, acme }) => [
        name,
        {
          ...{ issuer: name, profiles, externalKeys: acme.eab, caaIdentities, termsSince },
          terms: acme.terms ?? terms,
          website: acme.website ?? website,
        },
      ]),
  );

/** Who may revoke was decided by ACME's rules (RFC 8555 7.6); what it does is what every revocation does. */
const revoker = (ports: RevocationPorts): Revoker => ({
  async revoke(serial, number, by) {
    const stored = ports.ledger.findCertificate(serial);
    const reason = LEAF_REASONS.find((candidate) => candidate === CRL_REASONS[number]);
    if (stored === undefined || reason === undefined)
      throw new Error(`nothing is revoked: ${serial}, reason ${number}`);
    const now = ports.clock.now();
    const blockKey = reason === 'keyCompromise' && by.holdsKey ? stored.keyFingerprint : undefined;
    const draft = { ...draftOf(by, now), details: { rule: 'RFC 8555 7.6' } };
    const [one] = await record(ports, [order(stored, reason, blockKey, now, draft)], [stored], now);
    return one === undefined || one.result === 'already' ? 'already' : 'revoked';
  },
});

function observe(metrics: Metrics, log: Log, answered: AcmeAnswered): void {
  const { route, method, status, seconds, requestId, problem, detail, error } = answered;
  metrics.httpRequest(route, method, status, seconds);
  const fields = { route, status, requestId, problem, detail, milliseconds: Math.round(seconds * 1000) };
  if (status >= 500)
    log.error('request failed', { ...fields, reason: error instanceof Error ? error.stack : undefined });
  else log.debug('request', fields);
}
