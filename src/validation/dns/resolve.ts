/** From a name to its records, aliases followed (RFC 1034 3.6.2). */
import { formatIp } from '../../x509/ip.ts';
import { ProbeFault } from '../fault.ts';
import type { Lookup } from './lookup.ts';
import { type DnsRecord, type Message, type QuestionType, RCODE } from './message.ts';

/** Who is asked: a resolver, or the servers of the zone that the name is in. */
export interface DnsSource {
  /** Rejects with a ProbeFault unless the answer is NOERROR or NXDOMAIN. */
  ask(name: string, type: QuestionType, lookup: Lookup): Promise<SourceAnswer>;
}

export interface SourceAnswer {
  readonly message: Message;
  /** What the server may speak of: nothing outside of it is believed. The empty text is the root. */
  readonly zone: string;
}

export type RecordOf<T extends QuestionType> = Extract<DnsRecord, { readonly type: T }>;

export interface Answer<T extends QuestionType> {
  /** Where the aliases ended. */
  readonly name: string;
  /** None where the name does not exist or has no such record. */
  readonly records: readonly RecordOf<T>[];
  readonly exists: boolean;
}

const MAX_ALIASES = 8;

/** Rejects with a ProbeFault `dns`: no answer is never taken for an empty one. */
export async function resolve<T extends QuestionType>(
  source: DnsSource,
  name: string,
  type: T,
  lookup: Lookup,
): Promise<Answer<T>> {
  const seen = [name];
  let current = name;
  for (;;) {
    const { message, zone } = await source.ask(current, type, lookup);
    for (;;) {
      const own = message.answers.filter(({ owner }) => owner === current);
      const records = own.filter((record): record is RecordOf<T> => record.type === type);
      const target = aliasOf(current, own);
      if (records.length > 0 || target === undefined) {
        tell(lookup, type, seen, records, message.rcode);
        return { name: current, records, exists: message.rcode !== RCODE.nameError };
      }
      if (seen.includes(target)) throw fault(`${name} is an alias of itself, by way of ${target}`);
      if (seen.length > MAX_ALIASES) throw fault(`${name} leads through over ${MAX_ALIASES} aliases (CNAME)`);
      seen.push(target);
      current = target;
      // a server often sends the rest of the way along; what it says of others' zones does not count
      if (!isWithin(target, zone) || !message.answers.some(({ owner }) => owner === target)) break;
    }
  }
}

function aliasOf(name: string, own: readonly DnsRecord[]): string | undefined {
  const targets = new Set(own.flatMap((record) => (record.type === 'CNAME' ? [record.target] : [])));
  if (targets.size > 1) throw fault(`${name} has ${targets.size} CNAME records`);
  return targets.values().next().value;
}

export const isWithin = (name: string, zone: string): boolean =>
  zone === '' || name === zone || name.endsWith(`.${zone}`);

const fault = (detail: string): ProbeFault => new ProbeFault('dns', detail);

function tell(
  { journal }: Lookup,
  type: string,
  seen: readonly string[],
  records: readonly DnsRecord[],
  rcode: number,
): void {
  if (seen.length > 1) journal.add('dns', `CNAME ${seen[0] ?? ''}`, seen.slice(1).join(', then '));
  const none = rcode === RCODE.nameError ? 'NXDOMAIN' : 'no such record';
  journal.add('dns', `${type} ${seen.at(-1) ?? ''}`, records.length === 0 ? none : summary(records));
}

/** Addresses as they are; of texts how many, for they may be anybody's. */
function summary(records: readonly DnsRecord[]): string {
  const addresses = records.flatMap((record) => ('address' in record ? [formatIp(record.address)] : []));
  const count = `${records.length} record${records.length === 1 ? '' : 's'}`;
  return addresses.length === 0 ? count : addresses.slice(0, 8).join(', ');
}
