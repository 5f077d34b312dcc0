/** nameConstraints (RFC 5280 4.2.1.10): what a CA says of the names below it. Read here, applied in domain/path. */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, fromAscii, toLatin1 } from './bytes.ts';
import { context, contextConstructed, DerReader, sequence, TAG, tlv } from './der.ts';
import type { Extension } from './extensions.ts';
import { DIRECTORY_NAME_TAG, type NameKind } from './general-name.ts';
import { formatIp, parseIp, parseIpRange } from './ip.ts';
import { formatName } from './name.ts';
import { rdnKeys } from './name-match.ts';
import { OID } from './oids.ts';

/** The base of one subtree. `other` keeps the tag of a kind that cannot be compared. */
export type Subtree =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly address: Bytes; readonly mask: Bytes }
  | { readonly kind: 'directory'; readonly name: Bytes }
  | { readonly kind: 'other'; readonly tag: number };

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

const MAX_SUBTREES = 1000;

/** Reads the extension and refuses bases that no name could be compared with. Throws `malformed_der`. */
export function readNameConstraints(value: Bytes): NameConstraints {
  const reader = DerReader.sequence(value, 'nameConstraints');
  const permitted = reader.optional(contextConstructed(0), 'permittedSubtrees');
  const excluded = reader.optional(contextConstructed(1), 'excludedSubtrees');
  reader.end('nameConstraints');
  if (permitted === undefined && excluded === undefined)
    throw malformed('nameConstraints constrains nothing');
  return {
    permitted: permitted === undefined ? [] : readSubtrees(permitted.content, 'permittedSubtrees'),
    excluded: excluded === undefined ? [] : readSubtrees(excluded.content, 'excludedSubtrees'),
  };
}

function readSubtrees(content: Bytes, what: string): Subtree[] {
  const elements = new DerReader(content).rest(what, MAX_SUBTREES);
  if (elements.length === 0) throw malformed(`${what} is empty`);
  return elements.map(({ raw }) => {
    const reader = DerReader.sequence(raw, 'GeneralSubtree');
    const base = reader.next('base');
    // minimum is 0 and left out, maximum is absent
    reader.end('GeneralSubtree');
    return readBase(base.tag, base.content);
  });
}

function readBase(tag: number, content: Bytes): Subtree {
  switch (tag) {
    case context(1):
      return { kind: 'email', value: checked('rfc822Name', content, isEmailBase) };
    case context(2):
      return { kind: 'dns', value: checked('dNSName', content, (text) => text === '' || isHost(text)) };
    case context(6):
      return {
        kind: 'uri',
        value: checked('URI', content, (text) => isHost(text.startsWith('.') ? text.slice(1) : text)),
      };
    case context(7):
      return readRange(content);
    case DIRECTORY_NAME_TAG: {
      const reader = new DerReader(content);
      const name = reader.expect(TAG.sequence, 'directoryName').raw;
      reader.end('directoryName');
      rdnKeys(name);
      return { kind: 'directory', name };
    }
    default:
      return { kind: 'other', tag };
  }
}

/** Letters, digits, dashes and dots; no wildcard, no leading or trailing dot. */
const isHost = (text: string): boolean =>
  text.length <= 253 && /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(text);

function isEmailBase(text: string): boolean {
  const at = text.indexOf('@');
  if (at === -1) return isHost(text.startsWith('.') ? text.slice(1) : text);
  return at > 0 && isHost(text.slice(at + 1));
}

function checked(kind: string, content: Bytes, fits: (text: string) => boolean): string {
  const text = toLatin1(content);
  if (!fits(text))
    throw malformed(`the ${kind} constraint ${JSON.stringify(text.slice(0, 80))} is not well-formed`);
  return text;
}

function readRange(content: Bytes): Subtree {
  if (content.length !== 8 && content.length !== 32)
    throw malformed(`an iPAddress constraint has ${content.length} octets, 8 or 32 are address and mask`);
  const half = content.length / 2;
  const mask = content.subarray(half);
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  if (bits.includes('01')) throw malformed('the mask of an iPAddress constraint is no CIDR prefix');
  return { kind: 'ip', address: content.subarray(0, half), mask };
}

const malformed = (message: string): ChanceryError =>
  new ChanceryError('malformed_der', {
    message,
    rule: 'RFC 5280 4.2.1.10',
    fix: 'Have the CA certificate issued again with proper constraints.',
  });

/** The extension, always critical. */
export const encodeNameConstraints = ({ permitted, excluded }: NameConstraints): Extension =>
  nameConstraints(permitted.map(encodeSubtree), excluded.map(encodeSubtree));

function encodeSubtree(subtree: Subtree): Bytes {
  switch (subtree.kind) {
    case 'email':
      return tlv(context(1), fromAscii(subtree.value));
    case 'dns':
      return tlv(context(2), fromAscii(subtree.value));
    case 'uri':
      return tlv(context(6), fromAscii(subtree.value));
    case 'ip':
      return tlv(context(7), subtree.address, subtree.mask);
    case 'directory':
      return tlv(DIRECTORY_NAME_TAG, subtree.name);
    case 'other':
      throw malformed(`a subtree of the type [${subtree.tag & 0x1f}] cannot be written`);
  }
}

/**
 * A base as people write it: `example.test` (that domain and all below it), `10.0.0.0/8`, for URIs and e-mail addresses a
 * host, or `.example.test` for the hosts below it. `undefined` where it is none.
 */
export function parseSubtree(kind: NameKind, text: string): Subtree | undefined {
  if (kind === 'ip') {
    const range = parseIpRange(text);
    if (range === undefined) return undefined;
    const mask = Uint8Array.from(range.network, (_, i) => {
      const bits = Math.max(0, Math.min(8, range.prefix - i * 8));
      return (0xff << (8 - bits)) & 0xff;
    });
    return { kind, address: range.network, mask };
  }
  const value = text.toLowerCase();
  const host = value.startsWith('.') ? value.slice(1) : value;
  const sound = kind === 'email' ? isEmailBase(text) : kind === 'dns' ? isHost(value) : isHost(host);
  // a host of digits and dots is an address, which no constraint of these kinds can mean
  if (!sound || parseIp(host) !== undefined) return undefined;
  return { kind, value: kind === 'email' ? text : value };
}

/** The extension, always critical, from the encoded bases (GeneralName) of both lists. */
export const nameConstraints = (permitted: readonly Bytes[], excluded: readonly Bytes[]): Extension => ({
  id: OID.nameConstraints,
  critical: true,
  value: sequence(
    ...(permitted.length === 0
      ? []
      : [tlv(contextConstructed(0), ...permitted.map((base) => sequence(base)))]),
    ...(excluded.length === 0 ? [] : [tlv(contextConstructed(1), ...excluded.map((base) => sequence(base)))]),
  ),
});

/** `dns:example.test`, `ip:10.0.0.0/8` */
export function formatSubtree(subtree: Subtree): string {
  switch (subtree.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return `${subtree.kind}:${subtree.value}`;
    case 'ip':
      return `ip:${formatRange(subtree.address, subtree.mask)}`;
    case 'directory':
      return `directory:${formatName(subtree.name)}`;
    case 'other':
      return `a subtree of the type [${subtree.tag & 0x1f}]`;
  }
}

function formatRange(address: Bytes, mask: Bytes): string {
  const bits = mask.reduce((sum, octet) => sum + octet.toString(2).replaceAll('0', '').length, 0);
  return `${formatIp(address)}/${bits}`;
}
