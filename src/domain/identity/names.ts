/** The names of a request, parsed: what reaches the grants and the certificate is canonical. */
import { ChanceryError } from '../../base/errors.ts';
import { type GeneralName, NAME_KINDS, type NameKind } from '../../x509/general-name.ts';
import { formatIp, parseIp } from '../../x509/ip.ts';
import { decodePunycode } from '../../x509/punycode.ts';
import { parseSpiffeId } from './spiffe-id.ts';

export interface Name {
  readonly kind: NameKind;
  /** Canonical: DNS in lower case, IP as RFC 5952 writes it, a SPIFFE ID as it is. */
  readonly value: string;
}

/** Names by kind, as requests and certificates are written on every surface. */
export type NameLists = { readonly [K in NameKind]?: readonly string[] };

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const MAX_NAMES = 100;

/** What is wrong with a DNS name in lower case; a leading `*.` is the only wildcard. */
export function dnsNameFault(name: string): string | undefined {
  const host = name.startsWith('*.') ? name.slice(2) : name;
  if (host === '' || name.length > 253) return `it has ${name.length} characters, 1 to 253 are allowed`;
  if (host.endsWith('.')) return 'it ends with a dot';
  const labels = host.split('.');
  for (const label of labels) {
    if (label.includes('*')) return 'a wildcard stands only alone, as the first label';
    if (label === '') return 'it has an empty label';
    if (!LABEL.test(label))
      return `the label ${JSON.stringify(label)} is not of letters, digits and inner dashes`;
    // the second and third dash mark an A-label; any other such label is reserved (RFC 5890 2.3.1)
    if (label.slice(2, 4) === '--' && !label.startsWith('xn--')) return `the label "${label}" is reserved`;
    if (label.startsWith('xn--') && decodePunycode(label.slice(4)) === undefined)
      return `the label "${label}" is no A-label: what follows xn-- is not Punycode (RFC 3492)`;
  }
  if (/^\d+$/.test(labels.at(-1) ?? '')) return 'the last label is a number, as in an IP address';
  if (name.startsWith('*.') && labels.length < 2) return 'a wildcard needs two labels after it';
  return undefined;
}

/** `toLowerCase` would turn letters beyond ASCII, as the Kelvin sign, into others. */
export const toLowerAscii = (text: string): string => text.replace(/[A-Z]/g, (char) => char.toLowerCase());

/** What is wrong with an e-mail address whose host is in lower case. */
export function emailFault(address: string): string | undefined {
  if (!EMAIL.test(address)) return 'it is not local-part@host';
  return dnsNameFault(address.slice(address.lastIndexOf('@') + 1));
}

const EMAIL = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9.-]{1,253}$/;

export function parseName(kind: NameKind, text: string): Name {
  switch (kind) {
    case 'dns': {
      const value = toLowerAscii(text);
      const fault = dnsNameFault(value);
      if (fault !== undefined)
        throw invalid(kind, text, fault, 'RFC 5280 4.2.1.6: host names as in RFC 1123; A-labels for others');
      return { kind, value };
    }
    case 'ip': {
      const octets = parseIp(text);
      if (octets === undefined)
        throw invalid(
          kind,
          text,
          'it is neither an IPv4 nor an IPv6 address',
          'RFC 4291, RFC 5952; no zone, no port',
        );
      return { kind, value: formatIp(octets) };
    }
    case 'uri':
      return { kind, value: parseSpiffeId(text) };
    case 'email': {
      const at = text.lastIndexOf('@');
      const value = `${text.slice(0, at)}@${toLowerAscii(text.slice(at + 1))}`;
      const fault = at < 1 ? 'it is not local-part@host' : emailFault(value);
      if (fault !== undefined) throw invalid(kind, text, fault, 'RFC 5280 4.2.1.6: rfc822Name in ASCII');
      return { kind, value };
    }
  }
}

const LABELS: Readonly<Record<NameKind, string>> = {
  dns: 'DNS name',
  ip: 'IP address',
  uri: 'URI',
  email: 'e-mail address',
};

const invalid = (kind: NameKind, text: string, fault: string, rule: string): ChanceryError =>
  new ChanceryError('invalid_name', {
    message: `${JSON.stringify(text.slice(0, 120))} is no ${LABELS[kind]}: ${fault}`,
    rule,
    fix: 'Correct the name and ask again.',
  });

/** Parses and sorts the lists of a request, without doubles. */
export function parseNames(lists: NameLists): Name[] {
  return canonicalNames(
    NAME_KINDS.flatMap((kind) => (lists[kind] ?? []).map((text) => parseName(kind, text))),
  );
}

/** Parses names out of a CSR. Throws `invalid_name` for a kind that is never issued. */
export function parseGeneralNames(names: readonly GeneralName[]): Name[] {
  return canonicalNames(
    names.map((name) => {
      if (name.kind !== 'other') return parseName(name.kind, name.value);
      throw new ChanceryError('invalid_name', {
        message: `the subjectAltName has a name of the type [${name.tag & 0x1f}]`,
        rule: 'names are URIs, DNS names, IP addresses or e-mail addresses',
        fix: 'Leave it out of the request.',
      });
    }),
  );
}

function canonicalNames(names: readonly Name[]): Name[] {
  if (names.length > MAX_NAMES)
    throw new ChanceryError('invalid_name', {
      message: `${names.length} names in one request`,
      rule: `at most ${MAX_NAMES}`,
      fix: 'Ask for several certificates.',
    });
  const unique = new Map(names.map((name) => [formatNameKey(name), name]));
  return [...unique.values()].sort(
    (a, b) =>
      NAME_KINDS.indexOf(a.kind) - NAME_KINDS.indexOf(b.kind) ||
      (a.value < b.value ? -1 : a.value > b.value ? 1 : 0),
  );
}

/** `dns:api.example.test`: how audit entries and messages write a name. */
export const formatNameKey = ({ kind, value }: Name): string => `${kind}:${value}`;

export function toNameLists(names: readonly Name[]): NameLists {
  const lists: { [K in NameKind]?: string[] } = {};
  for (const { kind, value } of names) (lists[kind] ??= []).push(value);
  return lists;
}

export const sameNames = (a: readonly Name[], b: readonly Name[]): boolean =>
  a.length === b.length && a.every((name, i) => name.kind === b[i]?.kind && name.value === b[i].value);
