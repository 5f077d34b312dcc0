/**
 * The server: opens the data folder, binds its three listeners, is ready, and drains.
 *
 * Start: 1 authority there? 2 lock, keys, store 3 status listener (its port is in the certificates) 4 own certificate
 * 5 HTTPS and metrics 6 "started" on record 7 ready. Stop: 1 not ready 2 drain 3 "stopped" and a signed head on record
 * 4 store closed 5 lock released. A kill -9 at any point leaves what the store had committed, and no lock.
 */
import type { Server } from 'node:http';
import { rm } from 'node:fs/promises';
import type { ChanceryError } from '../base/errors.ts';
import { SECOND } from '../base/clock.ts';
import { formatHostPort } from '../base/host-port.ts';
import type { Log } from '../base/log.ts';
import { type Configuration, refuseDevelopmentKey } from '../config/index.ts';
import { ACME_PREFIX } from '../http/acme/listener.ts';
import { createAdminListener } from '../http/admin/listener.ts';
import { limitConnections } from '../http/connection-limit.ts';
import { createTlsListener, type ListenerCredentials, type TlsListener } from '../http/tls-listener.ts';
import { type AcmeService, openAcme } from './acme.ts';
import { adminPorts } from './admin-ports.ts';
import { bind, drain, movedUrl } from './bind.ts';
import { clockWatch } from './clock-watch.ts';
import { crlBundles } from './crl-bundle.ts';
import { openCrls } from './crl/open.ts';
import type { IssuerCrls } from './crls.ts';
import { dataPaths, renderClientFile, requireAuthority, writePublicFile } from './data.ts';
import { grantBook } from './grants.ts';
import { Housekeeping } from './housekeeping.ts';
import { issuancePorts } from './issuance.ts';
import { type Lifecycle, openLifecycle } from './lifecycle.ts';
import { serverMetrics } from './observe.ts';
import { OcspCounts, type OcspService } from './ocsp.ts';
import { openOcsp } from './ocsp-open.ts';
import { openData } from './open.ts';
import { OwnCertificate } from './own-certificate.ts';
import { ownDraft } from './own-entries.ts';
import { packageVersion } from './package.ts';
import { publicPages } from './pages.ts';
import { Presentations } from './presentations.ts';
import { Published } from './published.ts';
import { metricsServer, statusServer } from './plain-listeners.ts';
import type { Phase } from './readiness.ts';
import {
  movedListeners,
  ownRootFingerprint,
  rootFingerprints,
  type RunningServer,
  type StopCode,
} from './running.ts';
import { managedActions } from './renewal/actions.ts';
import { NOTHING_MANAGED } from './renewal/rounds.ts';
import { openRenewal, type RenewalService } from './renewal/service.ts';
import { RevocationEvents, revocationPorts, revokeSuperseded } from './revocation.ts';
import { openWebhooks } from './webhooks.ts';
import { ScheduledRevocations } from './scheduled-revocations.ts';

export type { RunningServer, StopCode } from './running.ts';

const PATIENCE = 10 * SECOND;
const TICK = SECOND;
const CONNECTIONS_PER_ADDRESS = 2000;

export async function startServer(config: Configuration, log: Log): Promise<RunningServer> {
  const paths = dataPaths(config.data);
  requireAuthority(paths);
  let fatal: ChanceryError | undefined;
  let phase: Phase = 'starting';
  let end: (code: StopCode) => void = () => undefined;
  const stopped = new Promise<StopCode>((resolve) => (end = resolve));
  const opened = await openData({
    config,
    log,
    createKeys: false,
    onFatal(error) {
      fatal = error;
      log.error('the store can no longer be believed: stopping', { code: error.code, reason: error.message });
      void stop(1);
    },
  });
  const { store, authority, trail, clock } = opened;
  const watchClock = clockWatch(opened, log);
  const presentations = new Presentations({ inventory: store.inventory, clock });
  const housekeeping = new Housekeeping({ store, clock, retention: config.retention, log });
  const revocations = new RevocationEvents(log);
  const listening: Server[] = [];
  let timer: NodeJS.Timeout | undefined;
  let lifecycle: Lifecycle | undefined;
  let tls: TlsListener | undefined;
  let acme: AcmeService | undefined;
  let scheduled: ScheduledRevocations | undefined;
  let crls: IssuerCrls | undefined;
  let ocsp: OcspService | undefined;
  let elsewhere: Published | undefined;
  let renewal: RenewalService | undefined;
  const webhooks = openWebhooks(opened, config, log);
  try {
    if (opened.keyring.development) refuseDevelopmentKey(config);
    authority.requireEveryIssuer();
    for (const warning of opened.keyring.warnings) log.warn(warning);
    const startedAt = clock.now();
    const version = packageVersion();

    const bundle = crlBundles({
      clock,
      authority,
      issuerCrls: () => crls,
      rootCrl: async (root) => lifecycle?.roots.serve(root),
    });
    const status = statusServer({
      ...{ opened, bundle, phase: () => phase },
      ...{ crls: () => crls, lifecycle: () => lifecycle, ocsp: () => ocsp },
    });
    limitConnections(status, CONNECTIONS_PER_ADDRESS);
    listening.push(status);
    const statusPort = await bind(status, 'status', config.listen.status);
    const statusUrl = movedUrl(config, 'status', statusPort);

    // before the first certificate names one
    const published = (crls = openCrls(opened, config, statusUrl, log));
    await published.open();
    revocations.listen(published.revoked);
    const grants = grantBook(config, store.grants);
    const ocspCounts = new OcspCounts();
    const metrics = serverMetrics(opened, () => ocspCounts.read(), published, {
      unseenSeconds: () => elsewhere?.unseenSeconds() ?? 0,
      publications: () => elsewhere?.publications() ?? [],
      managed: () => renewal?.rounds.facts() ?? NOTHING_MANAGED,
      webhooks: () => webhooks.state(),
    });
    const issuance = issuancePorts(opened, config, statusUrl, () => grants.all(), metrics);

    const own = new OwnCertificate({ config, ports: issuance, authority, log });
    lifecycle = openLifecycle(opened, config, statusUrl, log, published, () => {
      own.refresh(rotate);
      renewal?.rounds.lookAgain(false);
    });
    // a server that was down for long has issuers that are over: their successors come first
    await lifecycle.keeper.tick();
    const credentials = await own.issue();
    let httpsUrl = config.externalUrl.https.url;
    const revocation = revocationPorts(opened, config.trustDomain, grants, revocations, metrics);
    const managing = (renewal = openRenewal({
      ...{ opened, config, log, issuance, metrics },
      revokeOwn: (serial) => revokeSuperseded(revocation, serial),
    }));
    revocations.watch(managing.rounds);
    const ports = adminPorts({
      opened,
      config,
      log,
      version,
      startedAt,
      issuance,
      revocation,
      lifecycle,
      crls: published,
      grants,
      metrics,
      managed: managedActions(opened, config, managing),
      presented: (serial) => presentations.note(serial),
      enrolment: () => ({ url: httpsUrl, root: ownRootFingerprint(authority, own.generation) }),
    });
    const pages = publicPages({
      config,
      authority,
      clock,
      version,
      startedAt,
      rootsFile: paths.rootsFile,
      statusUrl,
    });
    const admin = createAdminListener(ports, pages);
    const https = (tls = createTlsListener(credentials, (request, response) =>
      acme !== undefined && request.url?.startsWith(ACME_PREFIX) === true
        ? acme.listener(request, response)
        : admin(request, response),
    ));
    limitConnections(https.server, CONNECTIONS_PER_ADDRESS);
    https.server.on('tlsClientError', () => undefined);
    listening.push(https.server);
    const httpsPort = await bind(https.server, 'https', config.listen.https);
    httpsUrl = movedUrl(config, 'https', httpsPort);
    scheduled = new ScheduledRevocations(ports.schedule, log);
    acme = openAcme({ opened, config, log, issuance, revocation, metrics, httpsUrl });

    const figures = metricsServer(metrics);
    listening.push(figures);
    const metricsPort = await bind(figures, 'metrics', config.listen.metrics);

    if (httpsPort !== config.listen.https.port)
      await writePublicFile(
        paths.clientFile,
        renderClientFile({ server: httpsUrl, trustDomain: config.trustDomain, configuration: config.file }),
      );
    ocsp = openOcsp(opened, issuance, log, ocspCounts);
    revocations.listen(() => ocsp?.statusChanged());
    await ocsp.ready();
    const { roots } = lifecycle;
    elsewhere = new Published({
      ...{ opened, config, statusUrl, log, roots, bundle, ocsp, metrics },
      crls: published,
    });
    await writePublicFile(paths.pidFile, `${process.pid}\n`);
    await trail.record([
      ownDraft(clock.now(), 'server.started', {
        version,
        https: httpsUrl,
        status: statusUrl,
        developmentKey: opened.keyring.development,
      }),
    ]);
    timer = setInterval(() => void tick(own), TICK);
    log.info('ready', { https: httpsUrl, status: statusUrl, trustDomain: config.trustDomain });
    phase = 'running';
    return {
      urls: {
        https: httpsUrl,
        status: statusUrl,
        metrics: `http://${formatHostPort({ ...config.listen.metrics, port: metricsPort })}/metrics`,
      },
      moved: movedListeners(config, { https: httpsPort, status: statusPort, metrics: metricsPort }),
      roots: rootFingerprints(authority),
      stopped,
      stop: () => stop(0),
    };
  } catch (error) {
    clearInterval(timer);
    for (const server of listening) server.close();
    await renewal?.stop();
    await webhooks.stop();
    await elsewhere?.stop();
    await crls?.close();
    await opened.close();
    throw error;
  }

  function rotate(credentials: ListenerCredentials): void {
    tls?.rotate(credentials);
  }

  async function tick(own: OwnCertificate): Promise<void> {
    try {
      if (!store.health().ok) await store.probe();
      await watchClock();
      await trail.tick();
      await lifecycle?.keeper.tick();
      await ocsp?.tick();
      crls?.tick();
      elsewhere?.tick();
      await own.renewWhenDue(rotate);
      await renewal?.tick();
      webhooks.tick();
      presentations.tick();
      housekeeping.tick();
      scheduled?.tick();
    } catch (error) {
      log.warn('housekeeping failed and is tried again', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async function stop(code: StopCode): Promise<void> {
    if (phase === 'stopping') return;
    phase = 'stopping';
    clearInterval(timer);
    await renewal?.stop();
    await webhooks.stop();
    await housekeeping.stop();
    await acme?.stop();
    await scheduled?.stop();
    await elsewhere?.stop();
    await crls?.close();
    await Promise.all(listening.map((server) => drain(server, fatal === undefined ? PATIENCE : SECOND)));
    try {
      if (fatal === undefined) {
        await trail.tick(true);
        await presentations.flush();
        await trail.record([ownDraft(clock.now(), 'server.stopped', {})]);
        await trail.signNow();
      }
      await opened.close();
      await rm(paths.pidFile, { force: true });
    } catch (error) {
      log.error('the end of the log could not be written', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    end(code);
  }
}
