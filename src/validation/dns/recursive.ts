/** Asking a resolver: the configured one, or those of the host. */
import { formatPeer, ProbeFault } from '../fault.ts';
import { exchange, NoAnswer, type NameServer } from './exchange.ts';
import type { Lookup } from './lookup.ts';
import { type QuestionType, RCODE, rcodeName } from './message.ts';
import type { DnsSource, SourceAnswer } from './resolve.ts';

/** Every question goes to `servers`, in their order, until one has an answer. Nothing is kept. */
export class RecursiveSource implements DnsSource {
  readonly #servers: () => Promise<readonly NameServer[]>;

  constructor(servers: () => Promise<readonly NameServer[]>) {
    this.#servers = servers;
  }

  async ask(name: string, type: QuestionType, lookup: Lookup): Promise<SourceAnswer> {
    const servers = await this.#servers();
    const failures: string[] = [];
    for (const server of servers) {
      const result = await askOne(server, name, type, lookup);
      if (typeof result !== 'string') return result;
      failures.push(result);
    }
    if (failures.length === 0)
      throw new ProbeFault(
        'serverInternal',
        'this server knows no DNS resolver: set acme.validation.resolver',
      );
    throw new ProbeFault('dns', `${type} ${name}: ${failures.join('; ')}`);
  }
}

/** The answer, or what went wrong. */
async function askOne(
  server: NameServer,
  name: string,
  type: QuestionType,
  { scope, journal }: Lookup,
): Promise<SourceAnswer | string> {
  const peer = formatPeer(server.address, server.port);
  let why: string;
  try {
    const message = await exchange(server, { name, type }, true, scope);
    if (message.rcode === RCODE.noError || message.rcode === RCODE.nameError) return { message, zone: '' };
    why = `answered ${rcodeName(message.rcode)}`;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    why = error.message;
  }
  journal.add('dns', `${type} ${name}`, why, peer);
  return `the resolver ${why}`;
}
