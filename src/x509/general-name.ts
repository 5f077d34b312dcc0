/** GeneralName (RFC 5280 4.2.1.6): the names that certificates are about. */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, fromAscii, toHex, toLatin1 } from './bytes.ts';
import { context, contextConstructed, DerReader, sequence, tlv } from './der.ts';
import { formatIp, parseIp } from './ip.ts';

export const NAME_KINDS = ['uri', 'dns', 'ip', 'email'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

/** `ip` is canonical text. Names of other kinds keep tag and octets: they are shown, never issued. */
export type GeneralName =
  | { readonly kind: NameKind; readonly value: string }
  | { readonly kind: 'other'; readonly tag: number; readonly value: Bytes };

const TAGS: Readonly<Record<NameKind, number>> = {
  email: context(1),
  dns: context(2),
  uri: context(6),
  ip: context(7),
};
export const DIRECTORY_NAME_TAG = contextConstructed(4);

export function encodeGeneralName(name: { readonly kind: NameKind; readonly value: string }): Bytes {
  if (name.kind !== 'ip') return tlv(TAGS[name.kind], fromAscii(name.value));
  const octets = parseIp(name.value);
  if (octets === undefined)
    throw new ChanceryError('invalid_name', {
      message: `${JSON.stringify(name.value)} is no IP address`,
      rule: 'RFC 4291',
    });
  return tlv(TAGS.ip, octets);
}

export const encodeGeneralNames = (
  names: readonly { readonly kind: NameKind; readonly value: string }[],
): Bytes => sequence(...names.map(encodeGeneralName));

/** Reads one GeneralName as it stands: no trimming, no case folding, a NUL stays a NUL. */
export function readGeneralName(tag: number, content: Bytes): GeneralName {
  switch (tag) {
    case TAGS.email:
      return { kind: 'email', value: toLatin1(content) };
    case TAGS.dns:
      return { kind: 'dns', value: toLatin1(content) };
    case TAGS.uri:
      return { kind: 'uri', value: toLatin1(content) };
    case TAGS.ip:
      if (content.length === 4 || content.length === 16) return { kind: 'ip', value: formatIp(content) };
      throw new ChanceryError('malformed_der', {
        message: `an iPAddress has ${content.length} octets`,
        rule: 'RFC 5280 4.2.1.6: 4 or 16',
        fix: 'Encode the address again.',
      });
    default:
      return { kind: 'other', tag, value: content };
  }
}

/** Reads a GeneralNames SEQUENCE. Throws `malformed_der`. */
export function readGeneralNames(der: Bytes, what: string): GeneralName[] {
  return DerReader.sequence(der, what)
    .rest(what, 500)
    .map(({ tag, content }) => readGeneralName(tag, content));
}

export const formatGeneralName = (name: GeneralName): string =>
  name.kind === 'other'
    ? `other:${(name.tag & 0x1f).toString()}:${toHex(name.value)}`
    : `${name.kind}:${name.value}`;
