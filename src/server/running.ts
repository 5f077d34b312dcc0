/** A server that runs, as the programs see it. */
import type { Configuration, ListenerName } from '../config/index.ts';
import { certificateFingerprint } from '../x509/certificate.ts';
import type { Authority } from './authority.ts';

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

/** The listeners that are not where the configuration has them. */
export const movedListeners = (
  { listen }: Configuration,
  ports: Readonly<Record<ListenerName, number>>,
): RunningServer['moved'] =>
  (Object.entries(ports) as [ListenerName, number][])
    .map(([listener, to]) => ({ listener, from: listen[listener].port, to }))
    .filter(({ from, to }) => from !== to);

export const rootFingerprints = (authority: Authority): RunningServer['roots'] =>
  authority
    .roots()
    .map(({ name, certificate }) => ({ name, fingerprint: certificateFingerprint(certificate.raw) }));

/** The root that the listener's certificate leads to. */
export function ownRootFingerprint(authority: Authority, generation: string): string {
  const root = authority.root(authority.generation(generation)?.root ?? '');
  return root === undefined ? '' : certificateFingerprint(root.certificate.raw);
}
