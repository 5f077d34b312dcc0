/** Types a page's commands in order. What has to hold: every exit code, and every line of output that the page shows. */
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Command, consoleCommands, type Fence, fences, fileOf, readPage, ROOT } from './pages.ts';
import { environment, makeTools, missingLine, type Places, Program, Shell, translate } from './shell.ts';

/** The server that all pages share: `npm start`, as README and tutorial begin with it. */
export interface SharedServer {
  readonly folder: string;
  readonly data: string;
  readonly program: Program;
  readonly places: Places;
}

const SHARED = 'npm start';
/** In the output of a program that stays: it is stopped here. */
const CTRL_C = '^C';
const STAYS =
  /^(?:\S+=\S+ )*chancery (?:status serve|server(?! (?:config|admin|backup|restore|unseal-copy)))/;
const READY = /state +(\S+)\n(?:[\s\S]*knows it by[^\n]*\n){2}/;

export async function startShared(): Promise<SharedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-docs-'));
  const data = join(folder, 'data');
  const checkout = makeCheckout(join(folder, 'checkout'));
  const env = environment(folder, makeTools(join(folder, 'tools')), data);
  const program = new Program(SHARED, checkout, env);
  await program.says(READY).catch(async (error: unknown) => {
    await program.stop();
    throw error;
  });
  const url = (name: string): string =>
    new RegExp(`${name} +https?://([^/\\s]+)`).exec(program.output)?.[1] ?? '';
  return {
    folder,
    data,
    program,
    places: [
      ['/home/you/chancery/certs-dev/state', data],
      ['/home/you/chancery', checkout],
      ['certs-dev/state', data],
      ['localhost:8443', url('page and API')],
      ['127.0.0.1:8080', url('status')],
      ['127.0.0.1:9090', url('metrics')],
    ],
  };
}

/** A folder that looks like a clone of this repository. */
export function makeCheckout(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(ROOT))
    if (name !== '.git' && name !== 'certs-dev') symlinkSync(join(ROOT, name), join(folder, name));
  return folder;
}

export const isRun = ({ language }: Fence): boolean => language === 'console' || language === 'sh';

/** Pages that need programs beyond this repository and curl: test/peers runs them. */
export const needsPeers = (path: string): boolean =>
  fences(readPage(path)).some(
    (fence) => isRun(fence) && /\b(?:openssl|keytool|gitleaks|nginx -c)\b/.test(fence.text),
  );

/** Commands of a page, in order; a file to be written counts as one, without output. */
type Step = Command | { readonly line: number; readonly file: { name: string; content: string } };

function steps(path: string): Step[] {
  return fences(readPage(path)).flatMap((fence): Step[] => {
    if (fence.language === 'console') return consoleCommands(fence);
    if (fence.language === 'sh')
      return [{ line: fence.line, text: `set -e\n${fence.text}\nset +e`, output: [] }];
    const file = fileOf(fence);
    return file === undefined ? [] : [{ line: fence.line, file }];
  });
}

/** Throws at the first command that does not do what the page says. */
export async function runPage(path: string, shared: SharedServer): Promise<void> {
  const folder = mkdtempSync(join(shared.folder, 'page-'));
  const beginsInClone = steps(path).some((step) => 'text' in step && step.text.includes(SHARED));
  const cwd = beginsInClone ? makeCheckout(join(folder, 'checkout')) : folder;
  const places: Places = [
    ...shared.places,
    ['/etc/chancery', join(folder, 'etc/chancery')],
    ['/var/lib/chancery', join(folder, 'var/lib/chancery')],
    ['/var/log/chancery', join(folder, 'var/log/chancery')],
    ['/home/you/', `${folder}/`],
    ['~/', `${folder}/`],
  ];
  const env = environment(folder, makeTools(join(folder, 'tools')), shared.data);
  const shell = new Shell(cwd, env);
  const programs: Program[] = [];
  try {
    const all = steps(path);
    for (const [i, step] of all.entries()) {
      const where = `${path}:${step.line}`;
      if ('file' in step) {
        const target = join((await shell.run('pwd')).output.trim(), step.file.name);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, translate(step.file.content, places));
        continue;
      }
      const text = translate(step.text, places);
      const output = step.output.map((line) => translate(line, places));
      if (text === SHARED) check(where, text, output, shared.program.output);
      else if (STAYS.test(text)) {
        const program = new Program(text, cwd, env);
        programs.push(program);
        await program.says(/next: |^serves /m);
        const shown = output.filter((line) => line !== CTRL_C);
        check(where, text, shown, program.output);
        if (shown.length < output.length) await stopWell(path, program);
      } else {
        const ran = await shell.run(text);
        const expected = expectedCode(all[i + 1]);
        if (ran.code !== expected)
          throw new Error(`${where}: exit code ${ran.code}, not ${expected}: ${text}\n${ran.output}`);
        check(where, text, output, ran.output);
      }
    }
    for (const program of programs) await stopWell(path, program);
  } finally {
    shell.end();
    await Promise.all(programs.map((program) => program.stop()));
  }
}

async function stopWell(path: string, program: Program): Promise<void> {
  const code = await program.stop();
  if (code !== 0) throw new Error(`${path}: a server ended with ${String(code)}\n${program.output}`);
}

/** 0, or what the page shows below an `echo $?` that follows. */
function expectedCode(next: Step | undefined): number {
  return next !== undefined && 'text' in next && next.text === 'echo $?' ? Number(next.output[0]) : 0;
}

function check(where: string, command: string, shown: readonly string[], said: string): void {
  const missing = missingLine(shown, said);
  if (missing !== undefined) throw new Error(`${where}: ${command}\nnever said: ${missing}\nsaid:\n${said}`);
}
