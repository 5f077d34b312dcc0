/**
 * Asking the servers of the zone themselves, so that no cache stands between a record that was just written and us. The
 * host's resolver only says who these servers are; whom it names is judged like any other address of strangers' choice.
 */
import { randomInt } from 'node:crypto';
import type { CheckedAddress } from '../address-guard.ts';
import { formatPeer, ProbeFault } from '../fault.ts';
import { exchange, NoAnswer, type NameServer } from './exchange.ts';
import type { Lookup } from './lookup.ts';
import { type DnsRecord, type Message, type QuestionType, RCODE, rcodeName } from './message.ts';
import { type DnsSource, isWithin, type SourceAnswer } from './resolve.ts';

const MAX_REFERRALS = 8;
/** Of a zone, in a random order: a zone with more of them has enough that answer. */
const MAX_NAME_SERVERS = 6;
const MAX_ADDRESSES = 8;
/** A name of 253 characters has at most 127 labels; zones are not nested that deeply. */
const MAX_CLIMB = 24;

interface Zone {
  readonly name: string;
  readonly servers: readonly NameServer[];
}

export class AuthoritativeSource implements DnsSource {
  readonly #host: DnsSource;
  readonly #port: number;

  /** `host`: who says which servers a zone has. `port`: of those servers, 53 outside of tests. */
  constructor(host: DnsSource, port = 53) {
    this.#host = host;
    this.#port = port;
  }

  async ask(name: string, type: QuestionType, lookup: Lookup): Promise<SourceAnswer> {
    let zone = await this.#zoneOf(name, lookup);
    for (let referrals = 0; referrals <= MAX_REFERRALS; referrals++) {
      const message = await this.#askZone(zone, name, type, lookup);
      const below = referralOf(message, name, zone.name);
      if (below === undefined) return { message, zone: zone.name };
      zone = await this.#referred(below, message, zone.name, lookup);
    }
    throw new ProbeFault('dns', `${name} leads through over ${MAX_REFERRALS} delegations`);
  }

  /** The closest zone above a name that has NS records. */
  async #zoneOf(name: string, lookup: Lookup): Promise<Zone> {
    let candidate = name;
    for (let climbed = 0; climbed < MAX_CLIMB; climbed++) {
      const { message } = await this.#host.ask(candidate, 'NS', lookup);
      const servers = nameServersOf(message.answers, candidate);
      const result = servers.length === 0 ? 'no such record' : servers.slice(0, 4).join(', ');
      lookup.journal.add('dns', `NS ${candidate === '' ? '.' : candidate}`, result);
      if (servers.length > 0) return this.#zone(candidate, servers, [], lookup);
      if (candidate === '') break;
      // who has no such record says of which zone it speaks (RFC 2308 3)
      const apex = message.authority.find(({ type }) => type === 'SOA')?.owner;
      const parent = candidate.slice(candidate.indexOf('.') + 1);
      const above = candidate.includes('.') ? parent : '';
      candidate = apex !== undefined && apex !== candidate && isWithin(candidate, apex) ? apex : above;
    }
    throw new ProbeFault(
      'dns',
      `nobody says which name servers ${name} has; where only a resolver knows it, this server needs acme.validation.resolver`,
    );
  }

  #referred(below: Referral, message: Message, from: string, lookup: Lookup): Promise<Zone> {
    // glue counts for servers that the referring zone is above of
    const glue = message.additional.filter(({ owner }) => isWithin(owner, from));
    lookup.journal.add('dns', `NS ${below.name}`, `delegated by ${from === '' ? 'the root' : from}`);
    return this.#zone(below.name, below.servers, glue, lookup);
  }

  async #zone(
    name: string,
    nameServers: readonly string[],
    glue: readonly DnsRecord[],
    lookup: Lookup,
  ): Promise<Zone> {
    const found: CheckedAddress[] = [];
    const refused: string[] = [];
    let failure: ProbeFault | undefined;
    for (const server of shuffled(nameServers).slice(0, MAX_NAME_SERVERS)) {
      try {
        for (const octets of await this.#addressesOf(server, glue, lookup)) {
          const verdict = lookup.guard.judge(octets);
          if (verdict.allowed) found.push(verdict.address);
          else refused.push(`${server} (${verdict.address}, ${verdict.why})`);
        }
      } catch (error) {
        if (!(error instanceof ProbeFault)) throw error;
        failure = error;
      }
      if (found.length >= MAX_ADDRESSES) break;
    }
    for (const server of refused) lookup.journal.add('dns', `NS ${name}`, `may not be asked: ${server}`);
    if (found.length > 0)
      return {
        name,
        servers: found.slice(0, MAX_ADDRESSES).map((address) => ({ address, port: this.#port })),
      };
    if (refused.length > 0)
      throw new ProbeFault(
        'dns',
        `no name server of ${name} may be asked: ${refused.slice(0, 3).join('; ')}`,
        {
          retry: false,
        },
      );
    throw failure ?? new ProbeFault('dns', `no name server of ${name} has an address`);
  }

  async #addressesOf(server: string, glue: readonly DnsRecord[], lookup: Lookup): Promise<Uint8Array[]> {
    const given = addressesIn(glue, server);
    if (given.length > 0) return given;
    for (const type of ['A', 'AAAA'] as const) {
      const { message } = await this.#host.ask(server, type, lookup);
      const found = addressesIn(message.answers, server);
      if (found.length > 0) return found;
    }
    return [];
  }

  async #askZone(zone: Zone, name: string, type: QuestionType, lookup: Lookup): Promise<Message> {
    const { scope, journal } = lookup;
    const failures: string[] = [];
    for (const server of zone.servers) {
      const peer = formatPeer(server.address, server.port);
      let why: string;
      try {
        const message = await exchange(server, { name, type }, false, scope);
        const answered = message.rcode === RCODE.noError || message.rcode === RCODE.nameError;
        if (answered && (message.authoritative || referralOf(message, name, zone.name) !== undefined)) {
          journal.add('dns', `${type} ${name}`, `asked a name server of ${zone.name}`, peer);
          return message;
        }
        why = answered ? 'is no authority for it' : `answered ${rcodeName(message.rcode)}`;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        why = error.message;
      }
      journal.add('dns', `${type} ${name}`, why, peer);
      failures.push(`${peer} ${why}`);
    }
    throw new ProbeFault('dns', `${type} ${name}: the name server ${failures.slice(0, 3).join('; ')}`);
  }
}

interface Referral {
  readonly name: string;
  readonly servers: readonly string[];
}

/** Where the answer leads further down, towards the name (RFC 1034 4.3.2 3b). */
function referralOf(message: Message, name: string, zone: string): Referral | undefined {
  if (message.authoritative || message.answers.length > 0 || message.rcode !== RCODE.noError)
    return undefined;
  const below = message.authority.find(
    ({ type, owner }) => type === 'NS' && owner !== zone && isWithin(owner, zone) && isWithin(name, owner),
  );
  if (below === undefined) return undefined;
  return { name: below.owner, servers: nameServersOf(message.authority, below.owner) };
}

const nameServersOf = (records: readonly DnsRecord[], zone: string): string[] =>
  records.flatMap((record) => (record.type === 'NS' && record.owner === zone ? [record.target] : []));

const addressesIn = (records: readonly DnsRecord[], owner: string): Uint8Array[] =>
  records.flatMap((record) =>
    (record.type === 'A' || record.type === 'AAAA') && record.owner === owner ? [record.address] : [],
  );

/** Each server carries its share, and who cannot guess which is asked forges less. */
function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(randomInt(left.length), 1));
}
