/**
 * The door of the configuration room. zod and yaml come in only when a configuration is loaded: programs that start for
 * `--help` or a client verb do not pay for them.
 */
import type { Configuration, Setting } from './configuration.ts';
import type { ConfigurationSources } from './load.ts';

export type * from './configuration.ts';
export type { ConfigurationSources } from './load.ts';
export type { Flags } from './overlay.ts';
export { resolveDataFolder } from './data-folder.ts';
export { listenerIssuer, loginIssuer, type IssuerChoice } from './issuers.ts';
export { defaultExternalUrl, isLoopback, refuseDevelopmentKey } from './listeners.ts';

/** Loads, checks and freezes the configuration. Throws `invalid_configuration` with every fault at once. */
export async function loadConfiguration(sources: ConfigurationSources): Promise<Configuration> {
  return (await import('./load.ts')).loadConfiguration(sources);
}

/** The commented YAML reference of every setting, for `server config reference`. */
export async function renderReference(): Promise<string> {
  return (await import('./reference.ts')).renderReference();
}

/** What `server config show -o json` prints: the words of the file, every default filled in. */
export const toPlain = (configuration: Configuration): Readonly<Record<string, unknown>> =>
  configuration.plain;

/** What `server config explain` prints. */
export const explain = (configuration: Configuration): readonly Setting[] => configuration.settings;
