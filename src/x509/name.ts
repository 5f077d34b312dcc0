/** Distinguished names (RFC 5280 4.1.2.4). */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, fromUtf8, toHex, toLatin1, toUtf8 } from './bytes.ts';
import { DerReader, oid, printableString, readOid, sequence, setOf, TAG, utf8String } from './der.ts';
import { OID, oidName } from './oids.ts';

/** One AttributeTypeAndValue. `type` is dotted. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

export const EMPTY_NAME: Bytes = sequence();

export function encodeName(attributes: readonly NameAttribute[]): Bytes {
  return sequence(
    ...attributes.map(({ type, value }) => {
      // countryName and serialNumber are PrintableString by their definition (RFC 5280 appendix A.1)
      const printable = type === OID.countryName || type === OID.serialNumber;
      return setOf(sequence(oid(type), printable ? printableString(value) : utf8String(value)));
    }),
  );
}

export const commonName = (value: string): NameAttribute => ({ type: OID.commonName, value });
export const organizationName = (value: string): NameAttribute => ({ type: OID.organizationName, value });

/** The largest upper bound that RFC 5280 A.1 sets for an attribute (ub-name), here in octets. */
const UB_NAME = 32_768;

/** Reads a Name into its attributes, outermost first. Throws `malformed_der`. */
export function readName(name: Bytes): NameAttribute[] {
  const attributes: NameAttribute[] = [];
  for (const rdn of DerReader.sequence(name, 'name').rest('name', 100)) {
    if (rdn.tag !== TAG.set) throw malformed('an RDN is no SET');
    const members = new DerReader(rdn.content).rest('RDN', 20);
    if (members.length === 0) throw malformed('an RDN is empty');
    for (const member of members) {
      const reader = DerReader.sequence(member.raw, 'attribute of a name');
      const type = readOid(reader.next('attribute type'), 'attribute type');
      const value = reader.next('attribute value');
      reader.end('attribute of a name');
      if (value.content.length > UB_NAME) throw malformed(`an attribute has ${value.content.length} octets`);
      attributes.push({ type, value: readString(value.tag, value.content) });
    }
  }
  return attributes;
}

function readString(tag: number, content: Bytes): string {
  switch (tag) {
    case TAG.bmpString:
      return new TextDecoder('utf-16be', { ignoreBOM: true }).decode(content);
    case TAG.universalString:
      return fromUtf32(content);
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.teletexString:
      return toLatin1(content);
    default:
      return toUtf8(content);
  }
}

function fromUtf32(content: Bytes): string {
  let text = '';
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  for (let at = 0; at + 4 <= content.length; at += 4) {
    const point = view.getUint32(at);
    text += String.fromCodePoint(point > 0x10ffff ? 0xfffd : point);
  }
  return text;
}

const malformed = (message: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule: 'RFC 5280 4.1.2.4', fix: 'Encode the name again.' });

const SHORT: Readonly<Record<string, string>> = {
  commonName: 'CN',
  countryName: 'C',
  localityName: 'L',
  stateOrProvinceName: 'ST',
  organizationName: 'O',
  organizationalUnitName: 'OU',
  domainComponent: 'DC',
};

/** RFC 4514 order and escaping, for people: `CN=servers-1,O=example.test`. */
export function formatName(name: Bytes): string {
  return readName(name)
    .reverse()
    .map(({ type, value }) => {
      const label = oidName(type);
      const escaped = [...value]
        .map((char, i, all) => {
          const edge = (char === ' ' && (i === 0 || i === all.length - 1)) || (char === '#' && i === 0);
          // controls and marks of direction would act on the reader's terminal
          if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(char)) return toHex(fromUtf8(char)).replace(/../g, '\\$&');
          return edge || '",+;<>\\='.includes(char) ? `\\${char}` : char;
        })
        .join('');
      return `${SHORT[label] ?? label}=${escaped}`;
    })
    .join(',');
}
