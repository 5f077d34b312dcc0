/** `chancery server` with nothing but its flags: what runs for months does not keep a command tree in memory. */
import { parseArgs } from 'node:util';
import { report } from './errors.ts';
import { type LocalOptions, programOptions } from './program-options.ts';
import type { ExitCode, Session } from './session.ts';

/** The flags of a plain `server` line; `undefined` for every other line, and for what only the tree can explain. */
export function plainServer(args: readonly string[]): LocalOptions | undefined {
  const [noun, ...rest] = args;
  if (noun !== 'server') return undefined;
  try {
    const { values } = parseArgs({
      args: rest,
      options: {
        data: { type: 'string' },
        config: { type: 'string' },
        'passphrase-file': { type: 'string' },
      },
    });
    const { data, config, 'passphrase-file': passphraseFile } = values;
    return { ...(data && { data }), ...(config && { config }), ...(passphraseFile && { passphraseFile }) };
  } catch {
    return undefined;
  }
}

export async function runPlainServer(
  options: LocalOptions,
  { terminal, programs }: Session,
): Promise<ExitCode> {
  try {
    return await (await programs()).runServer(programOptions(options, terminal));
  } catch (error) {
    return report(terminal, error);
  }
}
