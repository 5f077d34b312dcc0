/** Who reads a folder while it rotates, and while its writer is killed, never sees the halves of two pairs. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { Pair } from '../../src/domain/renewal/ports.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { temporaryFolder } from '../house/temporary-folder.ts';
import { madePair } from '../support/pairs.ts';
import { pause } from '../support/spawned-server.ts';

const KILLS = 50;
const ROTATIONS = 200;
const READS = 10_000;
const READERS = 4;
const PROGRAM = join(import.meta.dirname, 'rotate-files.ts');

test(
  '0 mismatched pairs in 10,000 reads during 200 rotations and 50 kills',
  { timeout: 300_000 },
  async () => {
    const folder = temporaryFolder();
    const directory = join(folder, 'tls');
    mkdirSync(directory);
    const pairs = await Promise.all([1, 2, 3, 4, 5].map((version) => madePair(version)));
    const file = join(folder, 'pairs.json');
    writeFileSync(file, JSON.stringify(pairs.map(plain)));
    /** Which key belongs to a certificate. */
    const keyOf = new Map(
      pairs.map((pair) => [fullChain(pair), encodePem('PRIVATE KEY', pair.privateKey)] as const),
    );

    let over = false;
    let [reads, mismatched, gone] = [0, 0, 0];
    const seen = new Set<string>();
    const reader = async (): Promise<void> => {
      while (!over) {
        try {
          const generation = await realpath(join(directory, '..data'));
          const certificate = await readFile(join(generation, 'fullchain.pem'), 'utf8');
          await pause(Math.random() * 2); // a swap between the two files is what it is about
          const key = await readFile(join(generation, 'privkey.pem'), 'utf8');
          reads += 1;
          if (keyOf.get(certificate) !== key) mismatched += 1;
          seen.add(certificate);
        } catch (error) {
          // before the first one; or two rotations went by between link and file
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
          gone += 1;
        }
        await pause(5);
      }
    };
    const readers = Promise.all(Array.from({ length: READERS }, reader));

    let [rotations, kills] = [0, 0];
    while (kills < KILLS || rotations < ROTATIONS || reads < READS) {
      rotations += await rotateAndKill(directory, file, rotations);
      kills += 1;
    }
    over = true;
    await readers;
    console.log(`${reads} reads, ${rotations} rotations, ${kills} kills, ${gone} looks found nothing`);
    expect(mismatched).toBe(0);
    expect(seen.size).toBe(pairs.length);
    // what the killed ones left is swept by the next delivery
    await rotateAndKill(directory, file, rotations + 1, 3);
    expect(readdirSync(directory).filter((name) => name.startsWith('..v')).length).toBeLessThanOrEqual(4);
  },
);

test.each([
  ['haproxy', 'tls.pem'],
  ['bundle', 'bundle.pem'],
])(
  'one file, %s: 0 mismatched pairs, by the name that the service knows',
  { timeout: 120_000 },
  async (layout, name) => {
    const folder = temporaryFolder();
    const directory = join(folder, 'tls');
    mkdirSync(directory);
    const pairs = await Promise.all([1, 2, 3, 4, 5].map((version) => madePair(version)));
    const file = join(folder, 'pairs.json');
    writeFileSync(file, JSON.stringify(pairs.map(plain)));
    const whole = new Set(
      pairs.map((pair) => {
        const key = encodePem('PRIVATE KEY', pair.privateKey);
        return layout === 'haproxy' ? fullChain(pair) + key : key + fullChain(pair);
      }),
    );
    let over = false;
    let [reads, mismatched] = [0, 0];
    const reader = async (): Promise<void> => {
      while (!over) {
        try {
          if (!whole.has(await readFile(join(directory, name), 'utf8'))) mismatched += 1;
          reads += 1;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
          // once it is there it stays there
          if (reads > 0) mismatched += 1;
        }
        await pause(1);
      }
    };
    const readers = Promise.all(Array.from({ length: READERS }, reader));
    let [rotations, kills] = [0, 0];
    while (kills < 10 || reads < 2000) {
      rotations += await rotateAndKill(directory, file, rotations, 4, layout);
      kills += 1;
    }
    over = true;
    await readers;
    console.log(`${layout}: ${reads} reads, ${rotations} rotations, ${kills} kills`);
    expect(mismatched).toBe(0);
  },
);

/** Kills the writer somewhere within a rotation; resolves with how many it did. */
async function rotateAndKill(
  directory: string,
  file: string,
  first: number,
  atLeast = 4,
  layout = 'nginx',
): Promise<number> {
  const writer = spawn(process.execPath, [PROGRAM, directory, file, String(first), layout], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void writer.kill('SIGKILL'));
  let done = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    if (line === 'stored') done += 1;
    if (done === atLeast) {
      await pause(Math.random() * 15);
      writer.kill('SIGKILL');
    }
  }
  expect(done).toBeGreaterThanOrEqual(atLeast);
  return done;
}

const fullChain = ({ certificate, chain }: Pair): string =>
  [certificate, ...chain].map((der) => encodePem('CERTIFICATE', der)).join('');

function plain(pair: Pair): object {
  const text = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
  return {
    ...pair,
    certificate: text(pair.certificate),
    chain: pair.chain.map(text),
    roots: [],
    privateKey: text(pair.privateKey),
  };
}
