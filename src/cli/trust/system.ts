/** The machine's own trust store: a file in a folder, and a program that makes bundles of the folder. */
import { access, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import { decodePemOne, encodePem } from '../../x509/pem.ts';
import { fileError, isMissing, writeFiles } from '../files.ts';
import { type Entry, type Host, OURS, type TrustStore } from './store.ts';

interface Kind {
  readonly folder: string;
  /** Whose presence tells this kind from the others. */
  readonly program: string;
  readonly refresh: readonly string[];
}

/** Debian, Ubuntu, Alpine; Red Hat, Fedora; SUSE. */
const KINDS: readonly Kind[] = [
  {
    folder: '/usr/local/share/ca-certificates',
    program: '/usr/sbin/update-ca-certificates',
    refresh: ['--fresh'],
  },
  { folder: '/etc/pki/ca-trust/source/anchors', program: '/usr/bin/update-ca-trust', refresh: ['extract'] },
  { folder: '/etc/pki/trust/anchors', program: '/usr/sbin/update-ca-certificates', refresh: ['--fresh'] },
];

const SUFFIX = '.crt';

export async function systemStore(host: Host): Promise<TrustStore> {
  const kind = await findKind(host);
  const folder = host.prefix + kind.folder;
  return {
    place: folder,
    check() {
      if (host.userId === 0) return Promise.resolve();
      throw new ChanceryError('usage', {
        message: 'the trust store of the system belongs to root, and this is somebody else',
        fix: 'Run it with sudo; with --data, root has to reach that folder. Or use --store nss, which is your own.',
      });
    },
    entries: () => readEntries(folder),
    async change(added, removed) {
      for (const name of removed) await rm(join(folder, name + SUFFIX), { force: true });
      await writeFiles(
        added.map(({ name, der }) => ({
          path: join(folder, name + SUFFIX),
          content: encodePem('CERTIFICATE', der),
          mode: 0o644,
        })),
      );
      await host.run(host.prefix + kind.program, kind.refresh);
    },
  };
}

async function findKind({ prefix }: Host): Promise<Kind> {
  for (const kind of KINDS)
    if ((await exists(prefix + kind.folder)) && (await exists(prefix + kind.program))) return kind;
  throw new ChanceryError('usage', {
    message: 'the trust store of this system is none that is known here',
    rule: KINDS.map(({ folder, program }) => `${folder} with ${program}`).join(', or '),
    fix: 'Install ca-certificates, or put the output of `chancery ca trust print` where this system wants it.',
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function readEntries(folder: string): Promise<Entry[]> {
  const files = (await readdir(folder)).filter((file) => file.startsWith(OURS) && file.endsWith(SUFFIX));
  const entries = await Promise.all(files.sort().map((file) => readEntry(folder, file)));
  return entries.filter((entry) => entry !== undefined);
}

async function readEntry(folder: string, file: string): Promise<Entry | undefined> {
  const path = join(folder, file);
  try {
    const der = decodePemOne(await readFile(path, 'utf8'), 'CERTIFICATE');
    return { name: file.slice(0, -SUFFIX.length), der };
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    // a file of that name that holds something else is not ours to judge: it is replaced or removed like one
    if (cause instanceof ChanceryError) return { name: file.slice(0, -SUFFIX.length), der: new Uint8Array() };
    throw fileError('read', path, cause);
  }
}
