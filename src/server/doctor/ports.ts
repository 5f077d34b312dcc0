/** Each listener's port is free for the server that is stopped, and held by the server that runs. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { formatHostPort } from '../../base/host-port.ts';
import type { ListenAddress, ListenerName } from '../../config/index.ts';
import { ask, shake } from './calls.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, type Said, warning } from './finding.ts';
import { recordsOf } from './records.ts';

const LISTENERS: readonly ListenerName[] = ['https', 'status', 'metrics'];
const EVERY_ADDRESS = ['0.0.0.0', '::'];

export async function lookAtPorts(facts: Facts): Promise<readonly Said[]> {
  const { config, running } = facts;
  const faults: Said[] = [];
  for (const name of LISTENERS) faults.push(...(await portFaults(facts, name, config.listen[name])));
  const all = LISTENERS.map((name) => `${name} ${formatHostPort(config.listen[name])}`).join(', ');
  return orOk(faults, running ? `held by the server of this folder: ${all}` : `free: ${all}`);
}

async function portFaults(facts: Facts, name: ListenerName, address: ListenAddress): Promise<Said[]> {
  const at = `listen.${name} ${formatHostPort(address)}`;
  const answers = facts.running && (await isOurs(facts, name, address));
  if (answers) return [];
  const code = await bindFault(address);
  if (code === undefined)
    return facts.running
      ? [
          warning(
            `${at}: the server runs, and nothing listens there`,
            'Restart it: the configuration has changed since it started.',
          ),
        ]
      : [];
  if (code !== 'EADDRINUSE')
    return [
      critical(
        `${at} cannot be had: ${code}`,
        code === 'EACCES'
          ? 'Ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE, or choose a higher one.'
          : `Set listen.${name} to an address of this host.`,
      ),
    ];
  if (address.isDefault)
    return [
      info(
        `${at} is held by another process: ${facts.running ? 'the server moved' : 'the server will move'} to a free port`,
      ),
    ];
  return [
    critical(
      `${at} is held by another process${facts.running ? '' : ': the server does not start'}`,
      `Find it (\`ss -ltnp 'sport = :${address.port}'\`) and stop it, or set listen.${name} to another port.`,
    ),
  ];
}

/** Something there has our certificate, serves our issuers, or counts what we count. */
async function isOurs(facts: Facts, name: ListenerName, { host, port }: ListenAddress): Promise<boolean> {
  const everywhere = EVERY_ADDRESS.includes(host);
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const base = `http://${formatHostPort({ host: reached, port })}`;
  try {
    if (name === 'metrics') return (await ask(`${base}/metrics`)).body.includes('chancery_');
    if (name === 'status') return await servesOurIssuers(facts, base);
    const roots = readFileSync(facts.paths.rootsFile, 'utf8');
    const known = everywhere ? new URL(facts.config.externalUrl.https.url).hostname : host;
    return (await shake(reached, port, known, roots)).fault === undefined;
  } catch {
    return false;
  }
}

/** Whether a status listener hands out the certificate of one of our generations. */
export async function servesOurIssuers(facts: Facts, base: string): Promise<boolean> {
  const [generation] = recordsOf(facts)?.authorities.generations() ?? [];
  if (generation === undefined) return (await ask(`${base}/healthz`)).status === 200;
  const { body } = await ask(`${base}/issuers/${generation.id}.crt`);
  return body.equals(generation.certificate);
}

function bindFault({ host, port }: ListenAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
