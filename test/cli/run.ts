/** Runs a command line in this process and keeps what it printed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import type { LocalPrograms } from '../../src/cli/session.ts';

export interface Outcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Circumstances {
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether a person looks. */
  readonly terminal?: boolean;
  readonly now?: number;
  readonly programs?: LocalPrograms;
  /** What a person types; absent: nobody sits there. */
  readonly typed?: string;
}

export async function chancery(args: readonly string[], circumstances: Circumstances = {}): Promise<Outcome> {
  const { environment = {}, terminal = false, now, programs, typed } = circumstances;
  const [stdout, stderr] = [new Sink(terminal), new Sink(terminal)];
  const exit = await runCommandLine(args, {
    terminal: {
      stdout,
      stderr,
      environment: { HOME: '/nonexistent', ...environment },
      now: () => now ?? Date.now(),
      ...(typed !== undefined && {
        ask: (question: string) => {
          stderr.write(question);
          return Promise.resolve(typed);
        },
      }),
    },
    rootPrograms: () => import('../../src/server/offline/verbs.ts'),
    statusProgram: () => import('../../src/server/status-serve.ts'),
    programs: () =>
      programs === undefined ? Promise.reject(new Error('not for this test')) : Promise.resolve(programs),
  });
  return { exit, stdout: stdout.text, stderr: stderr.text };
}

class Sink extends Writable {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString('utf8');
        done();
      },
    });
    this.isTTY = isTTY;
  }
}

/** A folder of this test's own, gone when the test is. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
