/** `chancery ca trust install`, `uninstall`, `print` */
import type { ServerInfo } from '../../api/authority.ts';
import { equal } from '../../x509/bytes.ts';
import type { Printing } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import type { Session } from '../session.ts';
import { harmless, print, say } from '../terminal.ts';
import { javaStore, type JavaStoreOptions } from './java.ts';
import { nssStore } from './nss.ts';
import { findRoots, ofTrustDomain, type RootOptions } from './roots.ts';
import { type Host, thisHost, type TrustStore } from './store.ts';
import { systemStore } from './system.ts';

export interface StoreOptions extends JavaStoreOptions {
  readonly store: 'system' | 'nss' | 'java';
  readonly nssDb?: string;
}

interface Done {
  readonly name: string;
  readonly fingerprint?: string;
  readonly result: 'installed' | 'there already' | 'removed';
}

export type InstallOptions = RootOptions & StoreOptions & Printing;
export type UninstallOptions = InstallOptions & { readonly trustDomain?: string };

/** `host`: a test's own. */
export const install =
  (host?: Host) =>
  async (session: Session, options: InstallOptions, root: string | undefined): Promise<void> => {
    const store = await openStore(session, options, host);
    await store.check();
    const { roots } = await findRoots(session, options, root);
    const there = await store.entries();
    const added = roots.filter(({ der }) => !there.some((entry) => equal(entry.der, der)));
    const replaced = there.filter(({ name }) => added.some((entry) => entry.name === name));
    if (added.length > 0)
      await store.change(
        added,
        replaced.map(({ name }) => name),
      );
    await printDone(
      session,
      options,
      store,
      roots.map((entry) => ({
        name: there.find(({ der }) => equal(der, entry.der))?.name ?? entry.name,
        fingerprint: entry.fingerprint,
        result: added.includes(entry) ? 'installed' : 'there already',
      })),
    );
  };

export const uninstall =
  (host?: Host) =>
  async (session: Session, options: UninstallOptions): Promise<void> => {
    const store = await openStore(session, options, host);
    await store.check();
    const removed = ofTrustDomain(await store.entries(), await trustDomainOf(session, options));
    if (removed.length > 0)
      await store.change(
        [],
        removed.map(({ name }) => name),
      );
    await printDone(
      session,
      options,
      store,
      removed.map(({ name }) => ({ name, result: 'removed' })),
    );
  };

async function trustDomainOf(session: Session, options: UninstallOptions): Promise<string> {
  if (options.trustDomain !== undefined) return options.trustDomain;
  if (options.url !== undefined) return (await findRoots(session, options, undefined)).trustDomain;
  return withClient(
    session,
    options,
    async (client) => client.context.trustDomain ?? (await client.get<ServerInfo>('/server')).trustDomain,
  );
}

export async function printRoots(
  session: Session,
  options: RootOptions,
  name: string | undefined,
): Promise<void> {
  const { trustDomain, roots } = await findRoots(session, options, name);
  for (const { root, subject, fingerprint, pem } of roots)
    print(
      session.terminal,
      [
        `# ${harmless(trustDomain)}, root ${harmless(root)}: ${harmless(subject)}`,
        `# SHA-256 ${fingerprint}`,
        `${pem.trimEnd()}\n`,
      ].join('\n'),
    );
}

async function openStore(
  { terminal }: Session,
  options: StoreOptions,
  host = thisHost(terminal.environment),
): Promise<TrustStore> {
  if (options.store === 'nss') return nssStore(host, options.nssDb);
  if (options.store === 'java') return javaStore(host, options);
  return systemStore(host);
}

async function printDone(
  { terminal }: Session,
  { output }: Printing,
  store: TrustStore,
  done: readonly Done[],
): Promise<void> {
  await printListing(terminal, output, {
    resource: { store: store.place, roots: done },
    rows: done,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'RESULT', value: ({ result }) => result },
      { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint ?? '' },
    ],
    name: ({ name }) => name,
    empty: `there is none of these roots in ${store.place}`,
  });
  if (done.some(({ result }) => result === 'installed') && output === 'table')
    say(
      terminal,
      `whatever reads ${store.place} now believes these roots about every name that they certify`,
    );
}
