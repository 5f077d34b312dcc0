/**
 * The server: opens the data folder, binds its three listeners, is ready, and drains.
 *
 * Start: 1 authority there? 2 lock, keys, store 3 status listener (its port is in the certificates) 4 own certificate
 * 5 HTTPS and metrics 6 "started" on record 7 ready. Stop: 1 not ready 2 drain 3 "stopped" and a signed head on record
 * 4 store closed 5 lock released. A kill -9 at any point leaves what the store had committed, and no lock.
 */
import { createServer } from 'node:http';
import { rm } from 'node:fs/promises';
import type { ChanceryError } from '../base/errors.ts';
import { SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import {
  type Configuration,
  type ListenerName,
  defaultExternalUrl,
  listenerIssuer,
  loginIssuer,
  refuseDevelopmentKey,
} from '../config/index.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { GrantBook } from '../domain/identity/grant-book.ts';
import type { Answered } from '../http/admin/exchange.ts';
import { createAdminListener } from '../http/admin/listener.ts';
import type { AdminPorts } from '../http/admin/ports.ts';
import { limitConnections } from '../http/connection-limit.ts';
import { createStatusListener, type Readiness } from '../http/status/listener.ts';
import { createMetricsListener } from '../http/status/metrics-listener.ts';
import {
  createTlsListener,
  type ListenerCredentials,
  SLOW_CLIENT_LIMITS,
  type TlsListener,
} from '../http/tls-listener.ts';
import { ROUTES } from '../api/routes.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Metrics } from '../base/metrics.ts';
import { certificateFingerprint } from '../x509/certificate.ts';
import type { Authority } from './authority.ts';
import { bind, drain } from './bind.ts';
import { adminGrant, listenerGrant } from './builtin-grants.ts';
import { clockWatch } from './clock-watch.ts';
import { dataPaths, renderClientFile, requireAuthority, writePublicFile } from './data.ts';
import { Housekeeping } from './housekeeping.ts';
import { requireChoice } from './initialize.ts';
import { issuancePorts } from './issuance.ts';
import { loginPorts } from './logins.ts';
import { type Lifecycle, openLifecycle } from './lifecycle.ts';
import { openData } from './open.ts';
import { OwnCertificate, ownNames } from './own-certificate.ts';
import { packageVersion } from './package.ts';
import { publicPages } from './pages.ts';

/** 0: told to stop; 1: the store could no longer be believed. */
export type StopCode = 0 | 1;

export interface RunningServer {
  readonly urls: { readonly https: string; readonly status: string; readonly metrics: string };
  /** Listeners whose built-in default port was taken. */
  readonly moved: readonly { readonly listener: ListenerName; readonly from: number; readonly to: number }[];
  readonly roots: readonly { readonly name: string; readonly fingerprint: string }[];
  /** Resolves with the exit code when the server has stopped by itself or was told to. */
  readonly stopped: Promise<StopCode>;
  /** Drains and closes everything. */
  stop(): Promise<void>;
}

const PATIENCE = 10 * SECOND;
const TICK = SECOND;
const CONNECTIONS_PER_ADDRESS = 2000;

export async function startServer(config: Configuration, log: Log): Promise<RunningServer> {
  const paths = dataPaths(config.data);
  requireAuthority(paths);
  let fatal: ChanceryError | undefined;
  let ready = false;
  let stopping = false;
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
  const housekeeping = new Housekeeping({ store, clock, retention: config.retention, log });
  const listening: ReturnType<typeof createServer>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let lifecycle: Lifecycle | undefined;
  let tls: TlsListener | undefined;
  try {
    if (opened.keyring.development) refuseDevelopmentKey(config);
    authority.requireEveryIssuer();
    for (const warning of opened.keyring.warnings) log.warn(warning);
    const startedAt = clock.now();
    const version = packageVersion();

    const status = createServer(
      SLOW_CLIENT_LIMITS,
      createStatusListener({
        certificate: authority.certificate,
        rootCrl: (root) => lifecycle?.roots.crl(root),
        readiness,
      }),
    );
    limitConnections(status, CONNECTIONS_PER_ADDRESS);
    listening.push(status);
    const statusPort = await bind(status, 'status', config.listen.status);
    const statusUrl = movedUrl(config, 'status', statusPort);

    const login = requireChoice(loginIssuer(config));
    const fixed = [
      adminGrant(config.trustDomain, login),
      listenerGrant(requireChoice(listenerIssuer(config)), ownNames(config)),
      ...config.grants,
    ];
    const grants = new GrantBook(fixed, store.grants, config.trustDomain);
    const metrics = createMetrics({
      issuerNotAfter: () =>
        authority
          .allGenerations()
          .map(({ id, certificate }) => ({ generation: id, notAfter: certificate.notAfter })),
      issuersNeedingSignature: () => authority.pending().map(({ issuer }) => issuer),
      headroomSeconds: () => headroom(store.inventory.firstExpiry(clock.now()), clock.now()),
      auditSequence: () => store.audit.last()?.sequence ?? 0,
      storeHealthy: () => store.health().ok,
    });
    const issuance = issuancePorts(opened, config, statusUrl, () => grants.all(), metrics);

    const own = new OwnCertificate({ config, ports: issuance, authority, log });
    const credentials = await own.issue();
    let httpsUrl = config.externalUrl.https.url;
    const { hierarchy, roots } = (lifecycle = openLifecycle(opened, config, statusUrl, log, () =>
      own.refresh(rotate),
    ));
    const ports: AdminPorts = {
      clock,
      trustDomain: config.trustDomain,
      version,
      startedAt,
      issuance,
      inventory: store.inventory,
      authority,
      generations: hierarchy,
      roots,
      grants,
      loginRules: {
        issuers: new Set(config.issuers.filter(({ authenticates }) => authenticates).map(({ name }) => name)),
        profiles: new Set(
          [...config.profiles.values()].filter((profile) => profile.login).map(({ name }) => name),
        ),
      },
      ...loginPorts(config.logins, { clock, log }),
      tokens: store.tokens,
      enrolment: () => ({ url: httpsUrl, root: ownRootFingerprint(authority, own.generation) }),
      audit: store.audit,
      signHead: () => trail.signNow(),
      exportAudit: () => trail.exportLines(),
      record: (audit) => trail.record(audit),
      refusedAnonymous: (error, address) => trail.refusedAnonymous(error, address),
      answered: (answered) => observe(metrics, log, answered),
    };
    const pages = publicPages({
      config,
      authority,
      clock,
      version,
      startedAt,
      rootsFile: paths.rootsFile,
      statusUrl,
    });
    const https = (tls = createTlsListener(credentials, createAdminListener(ports, pages)));
    limitConnections(https.server, CONNECTIONS_PER_ADDRESS);
    https.server.on('tlsClientError', () => undefined);
    listening.push(https.server);
    const httpsPort = await bind(https.server, 'https', config.listen.https);
    httpsUrl = movedUrl(config, 'https', httpsPort);

    const metricsServer = createServer(
      SLOW_CLIENT_LIMITS,
      createMetricsListener(async () => {
        const { contentType, body } = await metrics.render();
        return { type: contentType, body };
      }),
    );
    listening.push(metricsServer);
    const metricsPort = await bind(metricsServer, 'metrics', config.listen.metrics);

    if (httpsPort !== config.listen.https.port)
      await writePublicFile(
        paths.clientFile,
        renderClientFile({ server: httpsUrl, trustDomain: config.trustDomain, configuration: config.file }),
      );
    await lifecycle.keeper.tick();
    await writePublicFile(paths.pidFile, `${process.pid}\n`);
    await trail.record([
      ownDraft('server.started', {
        version,
        https: httpsUrl,
        status: statusUrl,
        developmentKey: opened.keyring.development,
      }),
    ]);
    timer = setInterval(() => void tick(own), TICK);
    log.info('ready', { https: httpsUrl, status: statusUrl, trustDomain: config.trustDomain });
    ready = true;
    return {
      urls: {
        https: httpsUrl,
        status: statusUrl,
        metrics: `http://${hostPort(config.listen.metrics.host, metricsPort)}/metrics`,
      },
      moved: (
        Object.entries({ https: httpsPort, status: statusPort, metrics: metricsPort }) as [
          ListenerName,
          number,
        ][]
      )
        .map(([listener, to]) => ({ listener, from: config.listen[listener].port, to }))
        .filter(({ from, to }) => from !== to),
      roots: authority
        .roots()
        .map(({ name, certificate }) => ({ name, fingerprint: certificateFingerprint(certificate.raw) })),
      stopped,
      stop: () => stop(0),
    };
  } catch (error) {
    clearInterval(timer);
    for (const server of listening) server.close();
    await opened.close();
    throw error;
  }

  function readiness(): Readiness {
    const reasons: string[] = [];
    if (!ready) reasons.push('starting');
    if (stopping) reasons.push('shutting down');
    const health = store.health();
    if (!health.ok) reasons.push('the store does not accept records');
    try {
      trail.check();
    } catch {
      reasons.push('a required audit sink does not accept entries');
    }
    if (authority.allGenerations().some((generation) => generation.stopped !== null))
      reasons.push('an issuer is stopped');
    return { ready: reasons.length === 0, reasons };
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
      await own.renewWhenDue(rotate);
      housekeeping.tick();
    } catch (error) {
      log.warn('housekeeping failed and is tried again', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async function stop(code: StopCode): Promise<void> {
    if (stopping) return;
    stopping = true;
    clearInterval(timer);
    await housekeeping.stop();
    await Promise.all(listening.map((server) => drain(server, fatal === undefined ? PATIENCE : SECOND)));
    try {
      if (fatal === undefined) {
        await trail.tick(true);
        await trail.record([ownDraft('server.stopped', {})]);
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

  function ownDraft(event: 'server.started' | 'server.stopped', details: AuditDraft['details']): AuditDraft {
    return {
      time: clock.now(),
      event,
      outcome: 'allowed',
      principal: 'system:server',
      door: 'internal',
      requestId: 'server',
      details,
    };
  }
}

/** The root that the listener's certificate leads to. */
function ownRootFingerprint(authority: Authority, generation: string): string {
  const root = authority.root(authority.generation(generation)?.root ?? '');
  return root === undefined ? '' : certificateFingerprint(root.certificate.raw);
}

const hostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** A default URL follows the port that its listener moved to. */
function movedUrl(config: Configuration, listener: 'https' | 'status', port: number): string {
  const { url, isDefault } = config.externalUrl[listener];
  const { host } = config.listen[listener];
  return isDefault && port !== config.listen[listener].port
    ? (defaultExternalUrl(listener, { host, port }) ?? url)
    : url;
}

const headroom = (expiry: number | undefined, now: number): number | undefined =>
  expiry === undefined ? undefined : Math.max(0, (expiry - now) / SECOND);

function observe(metrics: Metrics, log: Log, answered: Answered): void {
  const { operation, method, status, seconds, requestId, principal, code, error } = answered;
  metrics.httpRequest(operation === 'none' ? 'none' : ROUTES[operation].path, method, status, seconds);
  if (code !== undefined) metrics.refused(code as Parameters<Metrics['refused']>[0]);
  const fields = { operation, status, requestId, principal, code, milliseconds: Math.round(seconds * 1000) };
  if (status >= 500)
    log.error('request failed', { ...fields, reason: error instanceof Error ? error.stack : undefined });
  else log.debug('request', fields);
}
