/** What a verb gets: the terminal, and the way to the server program, which only src/cli.ts may load. */
import type { Duration, Instant } from '../base/clock.ts';
import type { IssuerBounds } from '../domain/issuance/issuer.ts';
import type { Bytes } from '../x509/bytes.ts';
import type { CrlReason } from '../x509/crl.ts';
import type { Terminal } from './terminal.ts';

/** 0 ok, 1 usage, 2 remote error, 3 refused by policy, 4 not found, 5 unreachable. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

/** What the server program is started with. */
export interface ProgramOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Single settings: `{ 'log.level': 'debug' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Writes a line for a person. */
  readonly say: (line: string) => void;
}

/** What `doctor` found: one of several lines of a check. */
export interface Finding {
  readonly check: string;
  readonly severity: 'ok' | 'info' | 'warning' | 'critical';
  readonly message: string;
  readonly fix?: string;
  readonly docs: string;
}

/** What src/server.ts offers. */
export interface LocalPrograms {
  /** Says what was made, and where. */
  readonly initialize: (
    options: ProgramOptions & {
      readonly rootsAway?:
        { readonly folder: string; readonly passphraseFile?: string | undefined } | undefined;
    },
  ) => Promise<{ readonly data: string }>;
  /** Resolves when the server has stopped. */
  readonly runServer: (options: ProgramOptions) => Promise<ExitCode>;
  readonly runDevelopment: (options: ProgramOptions) => Promise<ExitCode>;
  /** Changes nothing; the server may run. */
  readonly examine: (options: ProgramOptions) => Promise<readonly Finding[]>;
  /** Needs the lock of the data folder, as the next does. */
  readonly acceptClock: (
    options: ProgramOptions,
  ) => Promise<{ readonly before: string; readonly now: string }>;
  readonly acceptJournal: (options: ProgramOptions) => Promise<{ readonly reason: string }>;
  readonly recoverAdmin: (options: ProgramOptions & { readonly ttl?: string | undefined }) => Promise<{
    readonly certificate: string;
    readonly key: string;
    readonly serial: string;
    readonly notAfter: string;
  }>;
  readonly renewIssuer: (
    options: ProgramOptions & { readonly issuer: string; readonly certificate?: Uint8Array | undefined },
  ) => Promise<{
    readonly generation: string;
    readonly root: string;
    readonly csr?: string;
    readonly notAfter?: string;
  }>;
  /** The server may run. */
  readonly backUp: (
    options: ProgramOptions & { readonly out: string; readonly backupPassphraseFile: string | undefined },
  ) => Promise<{
    readonly file: string;
    readonly size: number;
    readonly sha256: string;
    readonly created: string;
  }>;
  readonly restore: (
    options: ProgramOptions & { readonly from: string; readonly backupPassphraseFile: string | undefined },
  ) => Promise<{
    readonly data: string;
    readonly created: string;
    readonly trustDomain: string;
    readonly missing: readonly string[];
  }>;
  readonly unsealCopy: (
    options: ProgramOptions & { readonly file: string; readonly out: string },
  ) => Promise<{ readonly file: string; readonly schema: number; readonly created: string }>;
}

/** What src/server/offline/verbs.ts offers: the key of a root, on a machine without a server. */
export interface RootPrograms {
  readonly signRequest: (wanted: {
    readonly rootKey: string;
    readonly passphraseFile: string;
    readonly now: Instant;
    readonly csr: Bytes;
    readonly bounds: IssuerBounds;
    readonly life: Duration;
    readonly statusUrl?: string | undefined;
  }) => Promise<{ readonly root: string; readonly certificate: Bytes }>;
  readonly makeRoot: (wanted: {
    readonly rootKey: string;
    readonly passphraseFile: string;
    readonly now: Instant;
    readonly number?: number | undefined;
  }) => Promise<{ readonly name: string; readonly certificate: Bytes; readonly path: string }>;
  readonly signRootCrl: (wanted: {
    readonly rootKey: string;
    readonly passphraseFile: string;
    readonly now: Instant;
    readonly revoke: readonly { readonly serial: string; readonly reason: CrlReason }[];
    readonly number?: bigint | undefined;
  }) => Promise<{
    readonly root: string;
    readonly number: bigint;
    readonly nextUpdate: Instant;
    readonly entries: number;
    readonly crl: Bytes;
  }>;
}

/** What src/server/status-serve.ts offers: a published folder over HTTP, without a server. */
export interface StatusProgram {
  /** Resolves when it was told to stop. */
  readonly serveStatus: (options: {
    readonly folder: string;
    readonly listen: string;
    readonly cwd: string;
    readonly say: (line: string) => void;
  }) => Promise<ExitCode>;
}

export interface Session {
  readonly terminal: Terminal;
  /** Loads the server: only for the verbs that are the server. */
  readonly programs: () => Promise<LocalPrograms>;
  /** Loads what works with the key of an offline root. */
  readonly rootPrograms: () => Promise<RootPrograms>;
  readonly statusProgram: () => Promise<StatusProgram>;
}
