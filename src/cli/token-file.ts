/** What `--token-file` holds: an enrolment token, or a JWT as a cluster or a CI job finds it in a file. */
import { ChanceryError } from '../base/errors.ts';
import { tokenContext } from './bootstrap.ts';
import { type Context, type ContextOptions, findContext } from './context.ts';
import { readTextFile } from './files.ts';
import type { Terminal } from './terminal.ts';

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The way to the server, with the token as the credential. Throws `usage`; the message never quotes the file. */
export async function readCredential(
  file: string,
  options: ContextOptions,
  terminal: Terminal,
): Promise<Context> {
  const text = (await readTextFile(file)).trim();
  if (text.startsWith('chy_')) return tokenContext(file, text);
  if (!JWT.test(text))
    throw new ChanceryError('usage', {
      message: `${file} holds no token`,
      rule: 'the one line that `chancery token create` wrote (chy_…), or a JWT: three parts with dots between them',
      fix: 'Name the right file.',
    });
  const { login: _, data: __, ...context } = await findContext(options, terminal);
  return { ...context, bearer: text };
}
