/** A program that is killed: it delivers one pair after the other to a folder, and says so each time. */
import { readFileSync } from 'node:fs';
import { FilesTarget, type Layout } from '../../src/delivery/files/index.ts';
import type { Pair } from '../../src/domain/renewal/ports.ts';

const [, , directory = '', file = '', first = '0', layout = 'nginx'] = process.argv;

/** As structured clone writes it: octets as base64. */
const pairs = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>[]).map((written) => {
  const octets = (value: unknown): Uint8Array => Buffer.from(String(value), 'base64');
  return {
    ...written,
    certificate: octets(written['certificate']),
    chain: (written['chain'] as unknown[]).map(octets),
    roots: [],
    privateKey: octets(written['privateKey']),
  } as unknown as Pair;
});

const target = new FilesTarget({
  directory,
  layout: layout as Layout,
  modes: { folder: { mode: 0o755 }, file: { mode: 0o644 }, secret: { mode: 0o600 } },
  password: () => Promise.resolve(undefined),
  reload: undefined,
  paths: [directory],
  commands: new Map(),
});

for (let i = Number(first); ; i++) {
  const pair = pairs[i % pairs.length];
  if (pair === undefined) throw new Error('there are no pairs');
  const { outcome } = await target.deliver(pair);
  process.stdout.write(`${outcome}\n`);
}
