/** The server program: what `chancery init`, `chancery server` and `chancery dev` run. Talk goes to stderr, data to stdout. */
import { SECOND } from './base/clock.ts';
import { type Configuration, loadConfiguration } from './config/index.ts';
import { type Initialized, initializeAuthority } from './server/initialize.ts';
import { dataPaths, isInitialized } from './server/data.ts';
import { startSamples } from './server/development.ts';
import { type RunningServer, startServer, type StopCode } from './server/run.ts';
import { developmentSummary, firstRotation, initializedSummary, serverSummary } from './server/summary.ts';
import { createLog } from './telemetry/log.ts';

/** What the command line said; environment and working directory come in, too. */
export interface ProgramOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Single settings, e.g. `{ 'log.level': 'debug' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Writes a line for a person. */
  readonly say: (line: string) => void;
}

/** The configuration that the options, the environment, and what `init` remembered lead to. */
const resolveConfiguration = ({
  data,
  config,
  passphraseFile,
  settings,
  env,
  cwd,
}: ProgramOptions): Promise<Configuration> =>
  loadConfiguration({ flags: { data, config, passphraseFile, settings }, env, cwd });

/** Makes an authority, or what is missing in one. */
export async function initialize(options: ProgramOptions): Promise<Initialized> {
  const config = await resolveConfiguration(options);
  const initialized = await initializeAuthority(config, createLog({ level: config.log.level }));
  initializedSummary(initialized).forEach(options.say);
  return initialized;
}

/** Runs the server until it is told to stop; resolves with the exit code. */
export async function runServer(options: ProgramOptions): Promise<StopCode> {
  const config = await resolveConfiguration(options);
  const server = await startServer(config, createLog({ level: config.log.level }));
  const stopped = untilStopped(server); // before anybody reads that it runs, and stops it
  serverSummary(config, server).forEach(options.say);
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
  await startSamples(config, samples.signal, {
    say: (line) => options.say(`  ${line}`),
    onFirstRotation: () => firstRotation(config).forEach(options.say),
  });
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
