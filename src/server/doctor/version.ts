/** Node, the schema, and what runs fit to this release. */
import { readFileSync } from 'node:fs';
import { bareHost } from '../../base/host-port.ts';
import { shake } from './calls.ts';
import { httpsUrlNow } from './external-url.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, type Said, warning } from './finding.ts';

const OLDEST_NODE = 24;

export async function lookAtVersion(facts: Facts): Promise<readonly Said[]> {
  const { nodeVersion, version, store } = facts;
  const faults: Said[] = [];
  if (Number(nodeVersion.split('.')[0]) < OLDEST_NODE)
    faults.push(
      critical(
        `Node ${nodeVersion} is older than ${OLDEST_NODE}`,
        `Run it with Node ${OLDEST_NODE} or newer: \`npm ci\` brings one along.`,
      ),
    );
  if ('value' in store) {
    const { schema, known } = store.value;
    if (schema > known)
      faults.push(
        critical(
          `the database has schema ${schema}, this release (${version}) knows schemas up to ${known}`,
          'Run the newer release again, or restore the copy that it made before its migration (`chancery server unseal-copy`).',
        ),
      );
    if (schema < known)
      faults.push(
        info(
          `the database has schema ${schema}; the next start brings it to ${known} and keeps a sealed copy of before`,
        ),
      );
  }
  const runs = facts.running ? await runningVersion(facts) : undefined;
  if (runs !== undefined && runs !== version)
    faults.push(
      warning(
        `the server that runs is release ${runs}, this is ${version}`,
        'Restart the server, so that it runs what is installed.',
      ),
    );
  const schema = 'value' in store ? `, schema ${store.value.schema}` : '';
  return orOk(
    faults,
    `release ${version}, Node ${nodeVersion}${schema}${runs === undefined ? '' : '; the server that runs is the same'}`,
  );
}

/** What the start page of the running server says; `undefined` where it cannot be asked (told by another check). */
async function runningVersion(facts: Facts): Promise<string | undefined> {
  const url = new URL(httpsUrlNow(facts));
  const host = bareHost(url);
  try {
    const roots = readFileSync(facts.paths.rootsFile, 'utf8');
    const { fault, version } = await shake(host, Number(url.port || 443), host, roots);
    return fault === undefined ? version : undefined;
  } catch {
    return undefined;
  }
}
