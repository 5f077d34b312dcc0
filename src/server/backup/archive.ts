/** Files one after the other: length of the head, head as JSON (path, size), octets; a length of 0 ends it. */
import type { Bytes } from '../../x509/bytes.ts';

/** The paths that a backup may hold: nothing else is ever written to a data folder. */
const ALLOWED =
  /^(?:db\/chancery\.db|keys\/[a-z0-9][a-z0-9._-]{0,99}\.key\.json|keys\/keyring\.json|client\.yaml|roots\.pem|audit\.pub|chancery\.yaml)$/;
export const REQUIRED = [
  'db/chancery.db',
  'keys/keyring.json',
  'client.yaml',
  'roots.pem',
  'audit.pub',
] as const;
const LARGEST_HEAD = 4096;

export interface Head {
  readonly path: string;
  readonly size: number;
}

export function renderHead(head: Head): Bytes {
  if (!ALLOWED.test(head.path)) throw new Error(`${head.path} does not belong into a backup`);
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

export const END: Bytes = Buffer.alloc(4);

/** Takes what belongs to one file after the other. */
export interface ArchiveSink {
  begin(head: Head): void;
  content(octets: Bytes): void;
  end(): void;
}

/** Reads a whole archive. Throws an `Error` that says what is wrong with it. */
export function readArchive(pieces: Iterable<Bytes>, sink: ArchiveSink): void {
  const seen = new Set<string>();
  let rest: Buffer = Buffer.alloc(0);
  let left: number | undefined;
  let over = false;
  for (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length > 0 || left === 0) {
      if (over) throw new Error('something follows its last file');
      if (left === undefined) {
        if (rest.length < 4) break;
        const length = rest.readUInt32BE(0);
        if (length > LARGEST_HEAD) throw new Error('the head of a file is too long');
        if (length === 0) {
          over = true;
          rest = rest.subarray(4);
          continue;
        }
        if (rest.length < 4 + length) break;
        const head = readHead(rest.subarray(4, 4 + length).toString('utf8'));
        if (seen.has(head.path)) throw new Error(`it has ${head.path} twice`);
        seen.add(head.path);
        sink.begin(head);
        left = head.size;
        rest = rest.subarray(4 + length);
      }
      const own = rest.subarray(0, left);
      if (own.length > 0) sink.content(own);
      left -= own.length;
      rest = rest.subarray(own.length);
      if (left > 0) continue;
      sink.end();
      left = undefined;
    }
  }
  if (!over || rest.length > 0) throw new Error('it ends within a file');
  const missing = REQUIRED.find((path) => !seen.has(path));
  if (missing !== undefined) throw new Error(`it has no ${missing}`);
}

function readHead(text: string): Head {
  const { path, size } = JSON.parse(text) as Partial<Head>;
  if (typeof path !== 'string' || !ALLOWED.test(path))
    throw new Error(`it has a file ${JSON.stringify(path)}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new Error(`${path} has no size`);
  return { path, size };
}
