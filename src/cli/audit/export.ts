/** `chancery audit export`: as it comes, without holding it in memory. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isChanceryError } from '../../base/errors.ts';
import { type Client, lost } from '../client.ts';
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import { fileError } from '../files.ts';
import { nextCommand, shellWord } from '../next-command.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface ExportOptions extends ContextOptions {
  readonly out?: string;
}

export async function exportLog(session: Session, options: ExportOptions): Promise<void> {
  const { terminal } = session;
  await withClient(session, options, async (client) => {
    const answer = await client.stream('/audit/export');
    if (options.out === undefined) return copy(client, answer, terminal.stdout);
    await toFile(client, answer, options.out);
    const key = join(client.context.data ?? '<data>', 'audit.pub');
    say(terminal, `${options.out} is written`);
    say(terminal, `next: ${nextCommand(`audit verify ${shellWord(options.out)} --key ${key}`)}`);
  });
}

/** A connection that breaks off is no end of the log: it fails. */
async function copy(client: Client, answer: IncomingMessage, output: Writable): Promise<void> {
  try {
    await pipeline(answer, output, { end: false });
  } catch (cause) {
    throw answer.complete ? cause : lost(client.context, cause);
  }
}

/** The file appears when the log is whole. */
async function toFile(client: Client, answer: IncomingMessage, path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.chmod(0o600);
      await copy(client, answer, createWriteStream('', { fd: handle, autoClose: false }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw isChanceryError(cause) ? cause : fileError('write', path, cause);
  }
}
