/** A bash that types what a page says, one command after the other, as a reader would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './pages.ts';

export interface Ran {
  readonly code: number;
  /** stdout and stderr as they came. */
  readonly output: string;
}

/** What pages write, and what it is in a test: addresses and folders. Longer ones first. */
export type Places = readonly (readonly [written: string, here: string])[];

export const translate = (text: string, places: Places): string =>
  places.reduce((result, [written, here]) => result.replaceAll(written, here), text);

/** A folder with `chancery` and Node 24 for PATH: what an installed package would give. */
export function makeTools(folder: string): string {
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(ROOT, 'bin/chancery'), join(folder, 'chancery'));
  return `${folder}:${dirname(process.execPath)}`;
}

export function environment(home: string, tools: string, data: string | undefined): NodeJS.ProcessEnv {
  const { PATH = '', LANG = 'C.UTF-8' } = process.env;
  return {
    PATH: `${tools}:${PATH}`,
    LANG,
    HOME: home,
    NO_COLOR: '1',
    ...(data !== undefined && { CHANCERY_DATA: data }),
  };
}

/** Milliseconds: only what hangs takes so long. */
const DEADLINE = 50_000;

export class Shell {
  readonly #bash: ChildProcess;
  readonly #folder: string;
  readonly #mark = `--${Math.random().toString(36).slice(2)}--`;
  #output = '';
  #waiting: (() => void) | undefined;
  #count = 0;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#bash = watch(
      spawn('bash', ['--noprofile', '--norc'], {
        cwd: folder,
        env,
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
    for (const stream of [this.#bash.stdout, this.#bash.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString('utf8');
        this.#waiting?.();
      });
    this.#bash.on('exit', () => this.#waiting?.());
    this.#bash.stdin?.write('exec 2>&1; status=0\n');
  }

  /** Runs a command and waits for its end. `$?` of the one before is kept for `echo $?`. */
  async run(command: string): Promise<Ran> {
    const file = join(this.#folder, `.command-${++this.#count}`);
    writeFileSync(file, `${command}\n`);
    const end = `${this.#mark} ${this.#count} `;
    this.#output = '';
    this.#bash.stdin?.write(
      `(exit $status); . '${file}' </dev/null; status=$?; rm -f '${file}'; printf '\\n%s%s\\n' '${end}' $status\n`,
    );
    await this.#until(() => this.#output.includes(end), command);
    const [output = '', code = ''] = this.#output.split(`\n${end}`);
    return { code: Number.parseInt(code, 10), output };
  }

  async #until(done: () => boolean, command: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`not done after ${DEADLINE / 1000} s: ${command}\n${this.#output}`)),
        DEADLINE,
      );
      this.#waiting = () => {
        if (done()) {
          clearTimeout(late);
          resolve();
        } else if (this.#bash.exitCode !== null) {
          clearTimeout(late);
          reject(new Error(`the shell ended: ${command}\n${this.#output}`));
        }
      };
      this.#waiting();
    });
    this.#waiting = undefined;
  }

  /** Ends the shell with everything that it left in the background. */
  end(): void {
    endGroup(this.#bash, 'SIGKILL');
  }
}

/** A program that stays: `npm start`, `chancery server`. */
export class Program {
  readonly #child: ChildProcess;
  output = '';
  #heard: (() => void) | undefined;

  constructor(command: string, folder: string, env: NodeJS.ProcessEnv) {
    this.#child = watch(
      spawn('bash', ['--noprofile', '--norc', '-c', `exec env ${command}`], {
        cwd: folder,
        env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('utf8');
        this.#heard?.();
      });
    this.#child.on('exit', () => this.#heard?.());
  }

  /** Waits until it has said so. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`never said ${pattern}:\n${this.output}`)), DEADLINE);
      this.#heard = () => {
        const found = pattern.exec(this.output);
        if (found === null && this.#child.exitCode === null) return;
        clearTimeout(late);
        if (found === null) reject(new Error(`ended without ${pattern}:\n${this.output}`));
        else resolve(found);
      };
      this.#heard();
    });
  }

  /** SIGTERM to the program, as Ctrl-C or systemd would; resolves with its exit code. */
  async stop(): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const ended = new Promise<number | null>((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => endGroup(this.#child, 'SIGKILL'), 10_000);
    const code = await ended;
    clearTimeout(late);
    endGroup(this.#child, 'SIGKILL');
    return code;
  }
}

/** What was started and has not ended: nothing outlives the tests, however they end. */
const started = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of started) endGroup(child, 'SIGKILL');
});

function watch(child: ChildProcess): ChildProcess {
  started.add(child);
  return child;
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // nobody is left in it
  }
}

/** What differs from run to run, out of the way: times, serial numbers, distances, counts. */
export const normalize = (line: string): string =>
  line
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replace(/\b(?:[0-9A-F]{4} ){15}[0-9A-F]{4}\b/g, '<hex>')
    .replace(/\b[0-9a-f]{16,}\b/g, '<hex>')
    .replace(/[A-Za-z0-9+/]{40,}={0,2}/g, '<base64>')
    .replace(/\b(?:\d+[dhms])+\b/g, '<span>')
    .replace(/\b\d+\b/g, '<n>')
    .replace(/\s+/g, ' ')
    .trim();

/**
 * The first line of what a page shows that was not said; `…` stands for any lines, or for the rest of one. Two programs may speak in
 * either order, so the order is not compared.
 */
export function missingLine(shown: readonly string[], said: string): string | undefined {
  const lines = said.split('\n').map(normalize);
  return shown.find((line) => {
    const wanted = normalize(line);
    if (wanted === '' || wanted === '…') return false;
    const found = wanted.endsWith('…')
      ? lines.findIndex((line) => line.startsWith(wanted.slice(0, -1).trimEnd()))
      : lines.indexOf(wanted);
    if (found !== -1) lines.splice(found, 1); // a line that is shown twice is said twice
    return found === -1;
  });
}
