/**
 * Pairs as the kubelet lays out volumes: each in a folder of its own, `..data` points at the one that counts, and the
 * names that services know lead through it.
 *
 * A delivery: 1 a plain pair of before is copied into a folder and `..data` pointed at it 2 its names become symlinks,
 * one by one: the content stays what it was 3 the new pair is written beside it, synced 4 `..data` is renamed into place:
 * the swap 5 missing names are made. A kill -9 leaves the old pair up to 4 and the new one from 4 on; a folder that
 * nothing points at is removed by the next delivery. Who opens one generation never sees a half of another.
 */
import type { Pair } from '../../domain/renewal/ports.ts';
import { Folder, type Ownership } from './folder.ts';
import type { LaidOut } from './layout.ts';

const DATA = '..data';
/** Which pair a generation holds; compared before anything is written. */
const IDENTITY = '.chancery';
const GENERATION = /^\.\.(?:v\d{1,9}-[0-9a-f]{16}|adopted)(?:-\d+)?$/;

export interface Modes {
  readonly folder: Ownership;
  readonly file: Ownership;
  readonly secret: Ownership;
}

/** The generation that counts; `undefined` where there is none. */
export async function currentGeneration(folder: Folder): Promise<string | undefined> {
  const name = await folder.link(DATA);
  return name !== undefined && GENERATION.test(name) ? name : undefined;
}

/** Fingerprint of the pair that counts. */
export async function storedIdentity(folder: Folder): Promise<string | undefined> {
  const name = await currentGeneration(folder);
  const generation = name === undefined ? undefined : await folder.enter(name);
  if (generation === undefined) return undefined;
  try {
    const text = (await generation.read(IDENTITY))?.toString('latin1');
    return text === undefined ? undefined : /^fingerprint: ([0-9a-f]{64})$/m.exec(text)?.[1];
  } finally {
    await generation.close();
  }
}

/** Writes the pair into a folder of its own, beside what counts; durable when the promise resolves. */
export async function writeGeneration(
  folder: Folder,
  { version, fingerprint, managed }: Pair,
  files: readonly LaidOut[],
  modes: Modes,
): Promise<string> {
  const base = `..v${version}-${fingerprint.slice(0, 16)}`;
  const current = await currentGeneration(folder);
  const name = current === base ? `${base}-1` : base;
  await folder.remove(name);
  const generation = await folder.make(name, modes.folder);
  try {
    for (const { name: file, content, secret } of files)
      await generation.write(file, content, secret ? modes.secret : modes.file);
    await generation.write(
      IDENTITY,
      `managed: ${managed}\nversion: ${version}\nfingerprint: ${fingerprint}\n`,
      modes.file,
    );
    await generation.sync();
  } finally {
    await generation.close();
  }
  await folder.sync();
  return name;
}

/** Takes a plain folder over: what services read stays the same octets throughout. */
export async function adopt(folder: Folder, names: readonly string[], modes: Modes): Promise<void> {
  if ((await currentGeneration(folder)) !== undefined) return;
  const found: LaidOut[] = [];
  for (const name of names) {
    const content = await folder.read(name);
    if (content !== undefined) found.push({ name, content, secret: true });
  }
  if (found.length === 0) return;
  const adopted = '..adopted';
  await folder.remove(adopted);
  const generation = await folder.make(adopted, modes.folder);
  try {
    for (const { name, content } of found) await generation.write(name, content, modes.secret);
    await generation.sync();
  } finally {
    await generation.close();
  }
  await folder.point(DATA, adopted);
  await folder.sync();
}

/** The swap: from here on the new pair counts. */
export async function swap(folder: Folder, generation: string, names: readonly string[]): Promise<void> {
  for (const name of names)
    if ((await folder.link(name)) === undefined && (await folder.read(name)) !== undefined)
      await folder.point(name, `${DATA}/${name}`);
  await folder.point(DATA, generation);
  await folder.sync();
  await link(folder, names);
}

/** The names that services know lead to what counts. Resolves with whether one did not. */
export async function link(folder: Folder, names: readonly string[]): Promise<boolean> {
  let changed = false;
  for (const name of names)
    if ((await folder.link(name)) !== `${DATA}/${name}`) {
      await folder.point(name, `${DATA}/${name}`);
      changed = true;
    }
  if (changed) await folder.sync();
  return changed;
}

/** Whether what counts is octet by octet what was laid out. Secret content is compared, never shown. */
export async function matches(folder: Folder, files: readonly LaidOut[]): Promise<boolean> {
  const name = await currentGeneration(folder);
  const generation = name === undefined ? undefined : await folder.enter(name);
  if (generation === undefined) return false;
  try {
    for (const { name: file, content } of files) {
      const read = await generation.read(file);
      if (read === undefined || !read.equals(Buffer.from(content))) return false;
    }
    return true;
  } finally {
    await generation.close();
  }
}

/** Whether what counts has files of these names. */
export async function holds(folder: Folder, names: readonly string[]): Promise<boolean> {
  const name = await currentGeneration(folder);
  const generation = name === undefined ? undefined : await folder.enter(name);
  if (generation === undefined) return false;
  try {
    for (const file of names) if ((await generation.read(file)) === undefined) return false;
    return true;
  } finally {
    await generation.close();
  }
}

/** Removes generations that nothing points at, all but `keep`. */
export async function sweep(folder: Folder, keep: readonly string[]): Promise<void> {
  const current = await currentGeneration(folder);
  for (const name of await folder.names())
    if (GENERATION.test(name) && name !== current && !keep.includes(name)) await folder.remove(name);
  await folder.sync();
}
