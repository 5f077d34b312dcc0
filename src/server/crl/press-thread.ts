/** Entry of the thread that lays CRLs out and writes them: one order after the other, each answered once. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { CrlRows } from '../../db/sqlite/crl-rows.ts';
import { Arena, layOut, type LayoutOrder, writeCrl, type WriteOrder } from './layout.ts';

export type PressOrder =
  | { readonly kind: 'lay-out'; readonly order: LayoutOrder }
  | { readonly kind: 'write'; readonly order: WriteOrder };

export type PressAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly rule: string };

const NICE = 5;
const port = parentPort;
if (port === null) throw new Error('this is a worker thread');
const arena = new Arena();
beNice();
const rows = new CrlRows((workerData as { readonly database: string }).database);

port.on('message', (message: PressOrder) => {
  port.postMessage(answer(message));
});

/** Who waits for a certificate comes first. Linux counts priority by thread. */
function beNice(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, NICE);
  } catch {
    // elsewhere it is as good as the others
  }
}

function answer(message: PressOrder): PressAnswer {
  try {
    const value = message.kind === 'lay-out' ? layOut(rows, arena, message.order) : writeCrl(message.order);
    return { ok: true, value };
  } catch (error) {
    const known = isChanceryError(error)
      ? error
      : new ChanceryError('internal', error instanceof Error ? error.message : String(error));
    return { ok: false, code: known.code, message: known.message, rule: known.detail.rule ?? '' };
  }
}
