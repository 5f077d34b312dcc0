/**
 * dns-01 (RFC 8555 8.4) by dynamic updates (RFC 2136, TSIG). The CA is told when every authoritative server of the zone
 * serves the record: a validation that fails counts at the CA.
 */
import { Resolver } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { type Clock, type Duration, MINUTE, SECOND } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { fromUtf8, sha256, toBase64Url } from '../../x509/bytes.ts';
import { AuthorityError } from '../errors.ts';
import type { AcmeIdentifier } from '../resources.ts';
import type { Solver, Task } from '../order.ts';
import { judgeAnswer, signUpdate, type TsigKey, type TxtUpdate } from './dns-update.ts';

export interface Rfc2136Options {
  /** The primary server that takes updates. */
  readonly server: { readonly host: string; readonly port: number };
  /** The zone that the records are in; names outside are not for this solver. */
  readonly zone: string;
  readonly key: TsigKey;
  /** Servers that have to serve the record; left out: the NS records of the zone. */
  readonly nameservers: readonly string[] | undefined;
  readonly propagation: Duration;
  readonly clock: Clock;
  readonly random: Random;
  readonly sleep: (duration: Duration, signal: AbortSignal) => Promise<void>;
}

const TTL = 60;
const EXCHANGE_PATIENCE: Duration = 10 * SECOND;

export class Rfc2136 implements Solver {
  readonly type = 'dns-01';
  readonly #options: Rfc2136Options;

  constructor(options: Rfc2136Options) {
    this.#options = options;
  }

  suits = ({ type, value }: AcmeIdentifier): boolean => {
    const { zone } = this.#options;
    return type === 'dns' && (value === zone || value.endsWith(`.${zone}`));
  };

  async present(task: Task, signal: AbortSignal): Promise<void> {
    const update = this.#update(task, 'add');
    await this.#send(update);
    await this.#propagated(update, signal);
  }

  remove(task: Task): Promise<void> {
    return this.#send(this.#update(task, 'delete'));
  }

  #update({ identifier, keyAuthorization }: Task, action: TxtUpdate['action']): TxtUpdate {
    return {
      zone: this.#options.zone,
      name: `_acme-challenge.${identifier.value.replace(/^\*\./, '')}`,
      text: toBase64Url(sha256(fromUtf8(keyAuthorization))),
      action,
      ttl: TTL,
    };
  }

  async #send(update: TxtUpdate): Promise<void> {
    const { server, key, clock, random } = this.#options;
    const id = Buffer.from(random.bytes(2)).readUInt16BE();
    const sent = signUpdate(update, key, id, clock.now());
    const answer = await exchange(server, sent.message);
    const fault = judgeAnswer(answer, sent, key);
    if (fault !== undefined)
      throw new AuthorityError('unreachable', {
        detail: `the DNS server ${server.host} did not take the update of ${update.name}: ${fault}`,
      });
  }

  async #propagated({ name, text, zone }: TxtUpdate, signal: AbortSignal): Promise<void> {
    const { propagation, clock, sleep, server } = this.#options;
    const deadline = clock.now() + propagation;
    for (;;) {
      const missing = await this.#missing(name, text, zone);
      if (missing.length === 0) return;
      if (clock.now() >= deadline)
        throw new AuthorityError('unreachable', {
          detail: `${missing.join(', ')} did not serve ${name} within ${Math.round(propagation / SECOND)}s after ${server.host} took it`,
        });
      await sleep(SECOND, signal);
    }
  }

  /** Names of the authoritative servers that do not serve the record yet. */
  async #missing(name: string, text: string, zone: string): Promise<string[]> {
    const servers = await this.#authoritative(zone);
    const verdicts = await Promise.all(
      servers.map(async (server) => ((await serves(server, name, text)) ? undefined : server)),
    );
    return verdicts.filter((server) => server !== undefined);
  }

  async #authoritative(zone: string): Promise<readonly string[]> {
    const { nameservers, server } = this.#options;
    if (nameservers !== undefined) return nameservers;
    const primary = `${isIP(server.host) === 6 ? `[${server.host}]` : server.host}:${server.port}`;
    const resolver = resolverOf(await addressOf(primary));
    const names = await resolver.resolveNs(zone).catch(() => []);
    const found = await Promise.all(
      names.map((host) => resolver.resolve4(host).catch(() => lookupHost(host))),
    );
    const addresses = found.flat();
    return addresses.length === 0 ? [primary] : addresses;
  }
}

const lookupHost = (host: string): Promise<string[]> => new Resolver().resolve4(host).catch(() => []);

/** `host:port` with an address for the host; `Resolver` takes no names. */
async function addressOf(server: string): Promise<string> {
  const match = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(server);
  const host = match?.[1] ?? server;
  if (isIP(host) !== 0) return server;
  const [address] = await lookupHost(host);
  return address === undefined ? server : `${address}:${match?.[2] ?? '53'}`;
}

function resolverOf(server: string): Resolver {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([server]);
  return resolver;
}

async function serves(server: string, name: string, text: string): Promise<boolean> {
  try {
    const records = await resolverOf(await addressOf(server)).resolveTxt(name);
    return records.some((parts) => parts.join('') === text);
  } catch {
    return false;
  }
}

/** Over TCP (RFC 2136 6.2 leaves the choice): no fragments, no spoofed answers. */
function exchange({ host, port }: Rfc2136Options['server'], message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(EXCHANGE_PATIENCE) });
    let received = Buffer.alloc(0);
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new AuthorityError('unreachable', { detail: `the DNS server ${host}:${port} ${reason}` }));
    };
    socket.once('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const size = received.readUInt16BE(0);
      if (received.length < 2 + size) return;
      socket.destroy();
      resolve(received.subarray(2, 2 + size));
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      fail(`cannot be reached: ${error.code ?? 'it failed'}`),
    );
    socket.once('end', () => fail('closed the connection'));
  });
}

export const DEFAULT_PROPAGATION: Duration = 2 * MINUTE;
