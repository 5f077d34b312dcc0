/** NSS databases, which Chrome and Firefox read on Linux, through certutil. */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePemOne, encodePem } from '../../x509/pem.ts';
import { type Host, OURS, type TrustStore } from './store.ts';

/** Trusted to issue server certificates; not client certificates, not mail. */
const TRUST = 'C,,';

export function nssStore(host: Host, folder = join(host.home, '.pki/nssdb')): TrustStore {
  const certutil = (args: readonly string[], input?: string): Promise<string> =>
    host.run('certutil', ['-d', `sql:${folder}`, ...args], input);
  return {
    place: folder,
    async check() {
      const there = await access(join(folder, 'cert9.db')).then(
        () => true,
        () => false,
      );
      if (there) return;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await certutil(['-N', '--empty-password']);
    },
    async entries() {
      const names = (await certutil(['-L']))
        .split('\n')
        .filter((line) => line.startsWith(OURS))
        .map((line) => line.split(/\s/, 1)[0] ?? '');
      const entries = [];
      for (const name of names) {
        const pem = await certutil(['-L', '-a', '-n', name]);
        entries.push({ name, der: decodePemOne(pem, 'CERTIFICATE') });
      }
      return entries;
    },
    async change(added, removed) {
      for (const name of removed) await certutil(['-D', '-n', name]);
      for (const { name, der } of added)
        await certutil(['-A', '-a', '-n', name, '-t', TRUST], encodePem('CERTIFICATE', der));
    },
  };
}
