/**
 * Pairs as the kubelet lays out volumes: each in a folder of its own, `..data` points at the one that counts, and the
 * names that services know lead through it.
 *
 * A delivery: 1 a pair of before, plain or behind links, is copied into a folder and `..data` pointed at it 2 its names
 * become symlinks to it, one by one: the content stays what it was 3 the new pair is written beside it, synced 4 `..data` is renamed into place:
 * the swap 5 missing names are made. A kill -9 leaves the old pair up to 4 and the new one from 4 on; a folder that
 * nothing points at is removed by the next delivery. Who opens one generation never sees a half of another.
 */
import type { Pair } from '../../domain/renewal/ports.ts';
import { Folder, type Ownership } from './folder.ts';
import type { LaidOut } from './layout.ts';

/** Points at the generation that counts. */
export const DATA = '..data';
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

/** Takes over what readers got until now: each name is the same octets throughout, and all lead through `..data` after. */
export async function adopt(folder: Folder, found: readonly LaidOut[], modes: Modes): Promise<void> {
  if (found.length === 0) return;
  // a kill -9 may have left one that counts already
  const adopted = (await currentGeneration(folder)) === '..adopted' ? '..adopted-1' : '..adopted';
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
  await link(
    folder,
    found.map(({ name }) => name),
  );
}

/** The swap: from here on the new pair counts. */
export async function swap(folder: Folder, generation: string, names: readonly string[]): Promise<void> {
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

/**
 * Whether what counts is octet by octet what was laid out, with its modes and owners. Secret content is compared, never
 * shown.
 */
export const matches = (folder: Folder, files: readonly LaidOut[], modes: Modes): Promise<boolean> =>
  every(folder, files, modes, (content, file) => content.equals(Buffer.from(file.content)));

/** Whether what counts has secret files of these names, with their modes and owners, that are `right`. */
export const holds = (
  folder: Folder,
  names: readonly string[],
  modes: Modes,
  right: (content: Buffer) => boolean,
): Promise<boolean> =>
  every(
    folder,
    names.map((name) => ({ name, secret: true })),
    modes,
    right,
  );

async function every<File extends Pick<LaidOut, 'name' | 'secret'>>(
  folder: Folder,
  files: readonly File[],
  modes: Modes,
  isRight: (content: Buffer, file: File) => boolean,
): Promise<boolean> {
  const name = await currentGeneration(folder);
  const generation = name === undefined ? undefined : await folder.enter(name);
  if (generation === undefined) return false;
  try {
    for (const file of files) {
      const content = await generation.read(file.name);
      if (content === undefined || !isRight(content, file)) return false;
      if (!(await generation.isOwned(file.name, file.secret ? modes.secret : modes.file))) return false;
    }
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
