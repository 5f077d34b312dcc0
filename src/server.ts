/** The server program: what `chancery init`, `chancery server` and `chancery dev` run. Talk goes to stderr, data to stdout. */
import { SECOND } from './base/clock.ts';
import { type Initialized, initializeAuthority, type RootsAway } from './server/initialize.ts';
import { dataPaths, isInitialized } from './server/data.ts';
import { startSamples } from './server/development.ts';
import { serviceManager } from './server/notify.ts';
import { type ProgramOptions, resolveConfiguration } from './server/options.ts';
import { type RunningServer, startServer, type StopCode } from './server/run.ts';
import { developmentSummary, firstRotation, initializedSummary, serverSummary } from './server/summary.ts';
import { createLog } from './telemetry/log.ts';

export { backUp } from './server/backup/back-up.ts';
export { restore } from './server/backup/restore.ts';
export { unsealCopy } from './server/backup/sealed-copy.ts';
export { examine } from './server/doctor/examine.ts';
export { acceptClock } from './server/accept-clock.ts';
export { acceptJournal } from './server/accept-journal.ts';
export { recoverAdmin } from './server/recover.ts';
export { renewIssuer } from './server/renew-issuer.ts';

/** Makes an authority, or what is missing in one. */
export async function initialize(
  options: ProgramOptions & { readonly rootsAway?: RootsAway | undefined },
): Promise<Initialized> {
  const config = await resolveConfiguration(options);
  const log = createLog({ level: config.log.level });
  const initialized = await initializeAuthority(config, log, options.rootsAway);
  initializedSummary(initialized).forEach(options.say);
  return initialized;
}

/** Runs the server until it is told to stop; resolves with the exit code. */
export async function runServer(options: ProgramOptions): Promise<StopCode> {
  const config = await resolveConfiguration(options);
  const log = createLog({ level: config.log.level });
  const server = await startServer(config, log);
  const manager = serviceManager(options.env, log);
  const stopped = untilStopped(server, () => manager.stopping()); // before anybody reads that it runs, and stops it
  serverSummary(config, server).forEach(options.say);
  manager.ready(`serves ${config.trustDomain} at ${server.urls.https}`);
  return stopped;
}

/** `npm start`: an authority if there is none, the server, and two sample services. */
export async function runDevelopment(options: ProgramOptions): Promise<StopCode> {
  const config = await resolveConfiguration(options);
  const log = createLog({ level: config.log.level === 'info' ? 'error' : config.log.level });
  if (!isInitialized(dataPaths(config.data))) await initializeAuthority(config, log);
  const server = await startServer(config, log);
  const samples = new AbortController();
  const stopped = untilStopped(server, () => samples.abort());
  developmentSummary(config, server).forEach(options.say);
  try {
    await startSamples(config, samples.signal, {
      say: (line) => options.say(`  ${line}`),
      onFirstRotation: () => firstRotation(config).forEach(options.say),
    });
  } catch (error) {
    await server.stop(); // else it would go on behind the error
    throw error;
  }
  return stopped;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

async function untilStopped(server: RunningServer, before: () => void = () => undefined): Promise<StopCode> {
  const onSignal = (): void => {
    before();
    // a second signal means now
    for (const signal of SIGNALS) process.once(signal, () => process.exit(1));
    setTimeout(() => process.exit(1), 20 * SECOND).unref();
    void server.stop();
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  const code = await server.stopped;
  before();
  return code;
}
