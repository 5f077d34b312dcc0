/** Names that only the server knows. Whoever waits for a completion does not wait long: after a second there are none. */
import { openClient } from '../client.ts';
import { type ContextOptions, findContext } from '../context.ts';
import type { Terminal } from '../terminal.ts';
import { readUserConfig } from '../user-config.ts';

/** Collections of the API whose entries have names, and the field that is the name. */
export const COLLECTIONS = {
  roots: 'name',
  issuers: 'name',
  profiles: 'name',
  grants: 'name',
  tokens: 'id',
  managed: 'name',
  authorities: 'name',
} as const;
export type Collection = keyof typeof COLLECTIONS;

const PATIENCE_MS = 1000;

/** Never throws: no server, no login and no right to look are no names. */
export async function liveNames(
  collection: Collection,
  options: ContextOptions,
  terminal: Terminal,
): Promise<string[]> {
  try {
    // the login is taken as it is: nobody renews a certificate by pressing the tabulator
    const client = await openClient(await findContext(options, terminal));
    const timer = setTimeout(() => client.close(), PATIENCE_MS);
    try {
      return namesIn(collection, await client.get<unknown>(`/${collection}`));
    } finally {
      clearTimeout(timer);
      client.close();
    }
  } catch {
    return [];
  }
}

function namesIn(collection: Collection, answer: unknown): string[] {
  const entries = (answer as Partial<Record<string, unknown>>)[collection];
  if (!Array.isArray(entries)) return [];
  return entries
    .map((entry: Readonly<Record<string, unknown>>) => entry[COLLECTIONS[collection]])
    .filter((name) => typeof name === 'string');
}

/** The user's own contexts. */
export async function contextNames(terminal: Terminal): Promise<string[]> {
  try {
    return [...((await readUserConfig(terminal))?.contexts.keys() ?? [])];
  } catch {
    return [];
  }
}
