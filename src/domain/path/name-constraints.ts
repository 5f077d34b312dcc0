/** Applying nameConstraints (RFC 5280 4.2.1.10, 6.1.3 (b) and (c), 6.1.4 (g)) to the names of a certificate. */
import type { Bytes } from '../../x509/bytes.ts';
import { DIRECTORY_NAME_TAG, formatGeneralName, type GeneralName } from '../../x509/general-name.ts';
import { parseIp } from '../../x509/ip.ts';
import { formatName, readName } from '../../x509/name.ts';
import { formatSubtree, type NameConstraints, type Subtree } from '../../x509/name-constraints.ts';
import { rdnKeys } from '../../x509/name-match.ts';
import { OID } from '../../x509/oids.ts';
import type { Candidate } from './candidate.ts';
import { lowerAscii } from './peer-name.ts';
import type { Fault } from './result.ts';

const RULE = 'RFC 5280 4.2.1.10, 6.1.3 (b) and (c)';

/** A name with the kind that constraints speak of. */
type ConstrainedName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string; readonly text: string }
  | { readonly kind: 'ip'; readonly octets: Bytes; readonly text: string }
  | { readonly kind: 'directory'; readonly rdns: readonly string[]; readonly text: string }
  | { readonly kind: 'other'; readonly tag: number; readonly text: string };

/** How often names may be compared with constraints in one search; past that the path is refused, not waited for. */
export const MAX_COMPARISONS = 250_000;

export interface ComparisonBudget {
  comparisons: number;
}

const fault = (reason: string): Fault => ({ code: 'name_constraints', reason, rule: RULE });

/** What constraints are held against. */
export interface NamesOfCertificate {
  /** DER of the subject's Name. */
  readonly subject: Bytes;
  readonly subjectAltName: readonly GeneralName[];
}

/** The first name of a certificate that one of the CAs above it does not allow. */
export function nameConstraintsFault(
  candidate: Candidate,
  constraints: readonly NameConstraints[],
  budget: ComparisonBudget,
): Fault | undefined {
  const { certificate, decoded } = candidate;
  const names = { subject: certificate.subject, subjectAltName: decoded.subjectAltName ?? [] };
  return forbiddenNameFault(names, constraints, budget);
}

/** The same for names that stand in no certificate yet. */
export function forbiddenNameFault(
  certificate: NamesOfCertificate,
  constraints: readonly NameConstraints[],
  budget: ComparisonBudget,
): Fault | undefined {
  if (constraints.length === 0) return undefined;
  const names = namesOf(certificate);
  for (const { permitted, excluded } of constraints) {
    budget.comparisons += names.length * (permitted.length + excluded.length);
    if (budget.comparisons > MAX_COMPARISONS)
      return fault('more names and constraints than are worth comparing');
    for (const name of names) {
      const touched = excluded.find((subtree) => sameKind(name, subtree) && touches(name, subtree));
      if (touched !== undefined) return fault(`${name.text} is excluded by ${formatSubtree(touched)}`);
      const own = permitted.filter((subtree) => sameKind(name, subtree));
      if (own.length > 0 && !own.some((subtree) => isInside(name, subtree)))
        return fault(
          `${name.text} is outside of the permitted ${own.slice(0, 5).map(formatSubtree).join(', ')}`,
        );
    }
  }
  return undefined;
}

function namesOf({ subject, subjectAltName }: NamesOfCertificate): ConstrainedName[] {
  const names = subjectAltName.map(toConstrained);
  const rdns = rdnKeys(subject);
  if (rdns.length === 0) return names;
  names.push({ kind: 'directory', rdns, text: `the subject ${formatName(subject)}` });
  for (const { type, value } of readName(subject))
    if (type === OID.emailAddress)
      names.push({ kind: 'email', value, text: `the subject's emailAddress ${value}` });
  return names;
}

function toConstrained(name: GeneralName): ConstrainedName {
  const text = formatGeneralName(name);
  if (name.kind === 'ip') return { kind: 'ip', octets: parseIp(name.value) ?? new Uint8Array(0), text };
  if (name.kind !== 'other') return { kind: name.kind, value: name.value, text };
  if (name.tag !== DIRECTORY_NAME_TAG) return { kind: 'other', tag: name.tag, text };
  return {
    kind: 'directory',
    rdns: rdnKeys(name.value),
    text: `the directoryName ${formatName(name.value)}`,
  };
}

const sameKind = (name: ConstrainedName, subtree: Subtree): boolean =>
  name.kind === 'other' ? subtree.kind === 'other' && subtree.tag === name.tag : name.kind === subtree.kind;

/** Whether every name that `name` stands for is in the subtree. What cannot be compared is not. */
function isInside(name: ConstrainedName, subtree: Subtree): boolean {
  return compare(name, subtree) === 'inside';
}

/** Whether some name that `name` stands for is in the subtree. What cannot be compared counts as being in it. */
function touches(name: ConstrainedName, subtree: Subtree): boolean {
  return compare(name, subtree) !== 'outside';
}

type Relation = 'inside' | 'partly' | 'outside' | 'unknown';

function compare(name: ConstrainedName, subtree: Subtree): Relation {
  if (name.kind === 'dns' && subtree.kind === 'dns')
    return compareDns(lowerAscii(name.value), lowerAscii(subtree.value));
  if (name.kind === 'email' && subtree.kind === 'email') return compareEmail(name.value, subtree.value);
  if (name.kind === 'uri' && subtree.kind === 'uri') {
    const host = uriHost(name.value);
    return host === undefined ? 'unknown' : compareHost(host, lowerAscii(subtree.value));
  }
  if (name.kind === 'ip' && subtree.kind === 'ip') {
    const { address, mask } = subtree;
    if (name.octets.length !== address.length) return 'outside';
    const same = name.octets.every((octet, i) => ((octet ^ (address[i] ?? 0)) & (mask[i] ?? 0xff)) === 0);
    return same ? 'inside' : 'outside';
  }
  if (name.kind === 'directory' && subtree.kind === 'directory') {
    const base = rdnKeys(subtree.name);
    return base.every((rdn, i) => rdn === name.rdns[i]) ? 'inside' : 'outside';
  }
  return 'unknown';
}

const isBelow = (host: string, domain: string): boolean => host.endsWith(`.${domain}`);

/** A base is a domain with everything below it. A wildcard stands for every name with one more label. */
function compareDns(name: string, base: string): Relation {
  if (base === '') return 'inside';
  if (!name.startsWith('*.')) return name === base || isBelow(name, base) ? 'inside' : 'outside';
  const parent = name.slice(2);
  if (parent === base || isBelow(parent, base)) return 'inside';
  return isBelow(base, parent) && !base.slice(0, -parent.length - 1).includes('.') ? 'partly' : 'outside';
}

/** A base with a leading dot is every host below the domain, one without is that host. */
const compareHost = (host: string, base: string): Relation =>
  (base.startsWith('.') ? host.length > base.length && host.endsWith(base) : host === base)
    ? 'inside'
    : 'outside';

function compareEmail(name: string, base: string): Relation {
  const at = name.lastIndexOf('@');
  // a second @ could only stand in a quoted local part, which nobody compares alike
  if (at < 1 || at === name.length - 1 || name.indexOf('@') !== at) return 'unknown';
  const host = lowerAscii(name.slice(at + 1));
  if (!isHost(host)) return 'unknown';
  const baseAt = base.indexOf('@');
  if (baseAt === -1) return compareHost(host, lowerAscii(base));
  const same = name.slice(0, at) === base.slice(0, baseAt) && host === lowerAscii(base.slice(baseAt + 1));
  return same ? 'inside' : 'outside';
}

/** The host of a URI in lower case; `undefined` without one, or where it is an address (RFC 5280 4.2.1.10 refuses both). */
function uriHost(uri: string): string | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  if (authority === undefined) return undefined;
  const host = lowerAscii(authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, ''));
  return isHost(host) ? host : undefined;
}

/** No trailing dot, which would make another string of the same host, and no address. */
const isHost = (text: string): boolean =>
  /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(text) && !/(?:^|\.)\d+$/.test(text);
