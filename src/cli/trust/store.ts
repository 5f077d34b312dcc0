/** Trust stores as the verbs see them. */
import { execFile } from 'node:child_process';
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';

export interface Entry {
  /** `chancery-<trust domain>-<root>` */
  readonly name: string;
  readonly der: Bytes;
}

export interface TrustStore {
  /** What is said about it: a folder, a file. */
  readonly place: string;
  /** Refuses where it could not be changed: not root, no program, no password. Throws `usage`. */
  check(): Promise<void>;
  /** Entries whose names begin with `chancery-`. */
  entries(): Promise<Entry[]>;
  /** Takes `removed` out, then puts `added` in. */
  change(added: readonly Entry[], removed: readonly string[]): Promise<void>;
}

export const OURS = 'chancery-';

/** This machine, as far as the stores need it. */
export interface Host {
  /** In front of the system's folders: a test's own. */
  readonly prefix: string;
  readonly userId: number;
  readonly home: string;
  /** Runs a program and resolves with its stdout. Rejects with what it said. */
  run(program: string, args: readonly string[], input?: string): Promise<string>;
}

export const thisHost = (environment: Readonly<Record<string, string | undefined>>): Host => ({
  prefix: '',
  userId: process.getuid?.() ?? 0,
  home: environment['HOME'] ?? '/',
  run: runProgram,
});

function runProgram(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const missing = error.code === ('ENOENT' as unknown);
      const said = (stderr.trim() || stdout.trim()).split('\n').slice(-3).join(' ');
      reject(
        new ChanceryError('usage', {
          message: missing ? `there is no ${program} on this machine` : `${program} failed: ${said}`,
          ...(missing && { fix: PACKAGES[program] ?? `Install ${program}.` }),
        }),
      );
    });
    child.stdin?.on('error', () => undefined); // it ended without reading
    child.stdin?.end(input);
  });
}

const PACKAGES: Readonly<Record<string, string>> = {
  certutil: 'Install libnss3-tools (Debian) or nss-tools (Red Hat).',
  keytool: 'Install a Java runtime: keytool comes with it.',
};
