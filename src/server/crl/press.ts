/** The thread that lays CRLs out and writes them, as the server sees it: started with the first order, ended when idle. */
import { Worker } from 'node:worker_threads';
import { ChanceryError, type ErrorCode, ERRORS } from '../../base/errors.ts';
import { SECOND } from '../../base/clock.ts';
import type { LaidOut, LayoutOrder, WriteOrder, Written } from './layout.ts';
import type { PressAnswer, PressOrder } from './press-thread.ts';

export interface CrlPress {
  /** Rejects with `lint_failed`, `malformed_der`, `store_unavailable`, `internal`. */
  layOut(order: LayoutOrder): Promise<LaidOut>;
  /** Rejects with `self_check_failed`, `internal`. */
  write(order: WriteOrder): Promise<Written>;
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ChanceryError) => void;
}

/** Its heap holds pieces, not lists. */
const YOUNG = { maxYoungGenerationSizeMb: 4 };
const IDLE = 10 * SECOND;
/** Published as JavaScript, the thread's file is too. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './press-thread.ts' : './press-thread.js',
  import.meta.url,
);

/** `database` is the file of the store. */
export function openPress(database: string): CrlPress {
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  const waiting: Waiting[] = [];

  function start(): Worker {
    const started = new Worker(THREAD, { workerData: { database }, execArgv: [], resourceLimits: YOUNG });
    started.on('message', (answer: PressAnswer) => {
      const first = waiting.shift();
      if (waiting.length === 0) rest();
      if (answer.ok) first?.resolve(answer.value);
      else first?.reject(rebuilt(answer));
    });
    started.on('error', (error) => {
      end(error instanceof Error ? error.message : String(error));
    });
    started.on('exit', () => {
      if (worker === started) end('it ended');
    });
    return started;
  }

  /** What waited for it hears why. */
  function end(reason: string): void {
    worker = undefined;
    clearTimeout(idle);
    for (const { reject } of waiting.splice(0))
      reject(new ChanceryError('internal', `the thread that builds CRLs failed: ${reason}`));
  }

  function rest(): void {
    idle = setTimeout(() => void stop(), IDLE);
    idle.unref();
    worker?.unref();
  }

  async function stop(): Promise<void> {
    const stopping = worker;
    end('it was stopped');
    await stopping?.terminate();
  }

  function ask(order: PressOrder): Promise<unknown> {
    clearTimeout(idle);
    const current = (worker ??= start());
    current.ref();
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      current.postMessage(order);
    });
  }

  return {
    layOut: (order) => ask({ kind: 'lay-out', order }) as Promise<LaidOut>,
    write: (order) => ask({ kind: 'write', order }) as Promise<Written>,
    close: stop,
  };
}

const rebuilt = ({ code, message, rule }: Extract<PressAnswer, { ok: false }>): ChanceryError =>
  new ChanceryError(code in ERRORS ? (code as ErrorCode) : 'internal', { message, rule });
