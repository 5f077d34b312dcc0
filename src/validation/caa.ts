/** CAA (RFC 8659, parameters RFC 8657): whether the owner of a name lets this CA issue for it. */
import type { CaaAsk } from '../domain/acme/validation-port.ts';
import type { Lookup } from './dns/lookup.ts';
import { type DnsSource, type RecordOf, resolve } from './dns/resolve.ts';
import { ProbeFault } from './fault.ts';

type CaaRecord = RecordOf<'CAA'>;

/** Tags that may be critical and that we do as they say; `iodef` and the contact ones ask nothing of us. */
const KNOWN_TAGS: ReadonlySet<string> = new Set([
  'issue',
  'issuewild',
  'iodef',
  'contactemail',
  'contactphone',
]);

/**
 * Rejects with a ProbeFault: `caa` where the records forbid it, `dns` where they cannot be had, which is no permission
 * either. `identities`: the names that this CA goes by, in lower case.
 */
export async function checkCaa(
  ask: CaaAsk,
  identities: readonly string[],
  source: DnsSource,
  lookup: Lookup,
): Promise<void> {
  if (ask.identifier.type === 'ip') return;
  const { name, records } = await relevantRecords(ask.identifier.value, source, lookup);
  const target = `CAA ${name === '' ? ask.identifier.value : name}`;
  const why = caaRefusal(records, ask, identities);
  lookup.journal.add('caa', target, why ?? (records.length === 0 ? 'no records: allowed' : 'allowed'));
  if (why === undefined) return;
  throw new ProbeFault('caa', `the CAA records of ${name} do not allow it: ${why}`, { retry: false });
}

/** RFC 8659 3: the first name with records, from the name itself up to the one below the root. */
async function relevantRecords(
  name: string,
  source: DnsSource,
  lookup: Lookup,
): Promise<{ name: string; records: readonly CaaRecord[] }> {
  const labels = name.split('.');
  for (let depth = 0; depth < labels.length; depth++) {
    const candidate = labels.slice(depth).join('.');
    const { records } = await resolve(source, candidate, 'CAA', lookup);
    if (records.length > 0) return { name: candidate, records };
  }
  return { name: '', records: [] };
}

/** What in the records forbids it; `undefined` when they allow it. */
export function caaRefusal(
  records: readonly CaaRecord[],
  { wildcard, method, accountUri }: Omit<CaaAsk, 'identifier'>,
  identities: readonly string[],
): string | undefined {
  const unknown = records.find(({ critical, tag }) => critical && !KNOWN_TAGS.has(tag));
  if (unknown !== undefined) return `the tag ${unknown.tag} is critical and not known here`;
  const of = (wanted: string): CaaRecord[] => records.filter(({ tag }) => tag === wanted);
  // 4.3: where there is an issuewild, issue says nothing about wildcards
  const wild = wildcard ? of('issuewild') : [];
  const tag = wild.length > 0 ? 'issuewild' : 'issue';
  const issue = wild.length > 0 ? wild : of('issue');
  if (issue.length === 0) return undefined;
  const own = issue.flatMap(({ value }) => {
    const parsed = parseIssueValue(value);
    return parsed !== undefined && identities.includes(parsed.domain) ? [parsed] : [];
  });
  if (own.length === 0) return `no ${tag} names ${identities.join(' or ') || 'this CA'}`;
  return own.some((value) => parametersFit(value, method, accountUri))
    ? undefined
    : `the accounturi or validationmethods of its ${tag} are others`;
}

interface IssueValue {
  /** In lower case; empty where nobody is allowed. */
  readonly domain: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** RFC 8659 4.2. `undefined` for a value that does not keep to it, which then allows nobody. */
export function parseIssueValue(value: string): IssueValue | undefined {
  const [domain = '', ...rest] = value.split(';').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''));
  if (domain !== '' && !DOMAIN.test(domain)) return undefined;
  const parameters: [string, string][] = [];
  for (const [i, part] of rest.entries()) {
    // the last one may be followed by nothing
    if (part === '' && i === rest.length - 1) break;
    const [, name, text] = PARAMETER.exec(part) ?? [];
    if (name === undefined || text === undefined) return undefined;
    parameters.push([name.toLowerCase(), text]);
  }
  return { domain: domain.toLowerCase(), parameters };
}

const DOMAIN = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)$/;

/** RFC 8657 3 and 4. A parameter that stands twice cannot be kept to; those of others' making ask nothing of us. */
function parametersFit({ parameters }: IssueValue, method: string, accountUri: string): boolean {
  const valuesOf = (wanted: string): string[] =>
    parameters.flatMap(([name, value]) => (name === wanted ? [value] : []));
  const accounts = valuesOf('accounturi');
  const methods = valuesOf('validationmethods');
  if (accounts.length > 1 || methods.length > 1) return false;
  return (
    accounts.every((account) => account === accountUri) &&
    methods.every((list) => list.split(',').includes(method))
  );
}
