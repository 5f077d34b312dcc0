/**
 * What readers get by the names of a layout where these do not lead to `..data` yet: plain files, or links such as
 * certbot's into its archive. Links are followed only within `delivery.paths`, through open descriptors.
 */
import { basename, dirname, resolve } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import { Folder } from './folder.ts';
import { DATA } from './generation.ts';
import type { LaidOut } from './layout.ts';

/** Links behind links. */
const HOPS = 8;

/**
 * The whole of it, so that it can be taken over before a name is touched; empty where all names lead to `..data`, or
 * nobody reads anything. Names are changed one by one: what cannot be read here could be mixed with the new pair. So it
 * throws `delivery_refused` for a link out of `allowed`, unless it is the only one of the names.
 */
export async function seenByReaders(
  folder: Folder,
  names: readonly string[],
  allowed: readonly string[],
): Promise<LaidOut[]> {
  const existing = (await folder.names()).filter((name) => names.includes(name));
  const links = await Promise.all(existing.map((name) => folder.link(name)));
  if (existing.every((name, i) => links[i] === `${DATA}/${name}`)) return [];
  const found: LaidOut[] = [];
  for (const name of existing) {
    const content = await readThrough(folder, name, allowed).catch((error: unknown) => {
      // one name is replaced in one step
      if (existing.length === 1 && error instanceof ChanceryError && error.code === 'delivery_refused')
        return undefined;
      throw error;
    });
    if (content !== undefined) found.push({ name, content, secret: true });
  }
  return found;
}

async function readThrough(
  folder: Folder,
  name: string,
  allowed: readonly string[],
): Promise<Buffer | undefined> {
  const to = await folder.link(name);
  if (to === undefined) return folder.read(name);
  if (to === `${DATA}/${name}`) return readCurrent(folder, name);
  let at = resolve(await folder.realPath(), to);
  for (let hop = 0; hop < HOPS; hop += 1) {
    const behind = await Folder.find(dirname(at), allowed).catch((error: unknown) => {
      if (error instanceof ChanceryError && error.code === 'delivery_refused')
        throw foreign(folder, name, to);
      throw error;
    });
    if (behind === undefined) return undefined;
    try {
      const next = await behind.link(basename(at));
      if (next === undefined) return await behind.read(basename(at));
      at = resolve(dirname(at), next);
    } finally {
      await behind.close();
    }
  }
  throw foreign(folder, name, to);
}

async function readCurrent(folder: Folder, name: string): Promise<Buffer | undefined> {
  const data = await folder.link(DATA);
  const generation = data === undefined ? undefined : await folder.enter(data);
  try {
    return await generation?.read(name);
  } finally {
    await generation?.close();
  }
}

const foreign = ({ path }: Folder, name: string, to: string): ChanceryError =>
  new ChanceryError('delivery_refused', {
    message: `${path}/${name} is a link to ${to}, which is followed only within delivery.paths and through no other link`,
    rule: 'what a service reads now is taken over whole before it is changed, so that nobody reads one file of it and one of the new pair',
    fix: 'Let delivery.paths hold the folder behind it (for certbot /etc/letsencrypt, its live and archive); or deliver to a folder of its own and point the service there; or stop the service and move these links away.',
  });
