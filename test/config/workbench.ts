/** Configuration files in a folder of their own for each test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import { type Configuration, type Flags, loadConfiguration } from '../../src/config/index.ts';

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'chancery-config-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

export interface Loading {
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Flags;
}

/** Loads a file of this text; `undefined` for none. */
export async function load(
  text: string | Uint8Array | undefined,
  { env = {}, flags = {} }: Loading = {},
): Promise<Configuration> {
  const cwd = folder();
  const config = text === undefined ? undefined : join(cwd, 'chancery.yaml');
  if (config !== undefined && text !== undefined) writeFileSync(config, text);
  return loadConfiguration({ flags: { config, data: join(cwd, 'data'), ...flags }, env, cwd });
}

export interface Refusal {
  /** With the folder of the file left out. */
  readonly message: string;
  readonly rule: string | undefined;
  readonly fix: string | undefined;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

/** Loads what has to be refused. */
export async function refusal(
  text: string | Uint8Array | undefined,
  loading: Loading = {},
): Promise<Refusal> {
  try {
    await load(text, loading);
  } catch (error) {
    if (!isChanceryError(error) || error.code !== 'invalid_configuration') throw error;
    const short = (long: string): string => long.replaceAll(/\/[^ ]*\/chancery-config-[A-Za-z0-9]+\//g, '');
    const { message, rule, fix, errors = [] } = error.detail;
    return {
      message: short(message),
      rule,
      fix,
      errors: errors.map((one) => ({ ...one, field: short(one.field) })),
    };
  }
  throw new Error(`this was accepted:\n${String(text)}`);
}
