/** Comparing distinguished names (RFC 5280 7.1): case and white space of strings do not count. */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, toHex, toLatin1 } from './bytes.ts';
import { DerReader, readOid, TAG } from './der.ts';

const MAX_RDNS = 100;

/**
 * One string for each RDN, outermost first. Names match exactly when their lists are equal, and one is above the
 * other when its list is the beginning of the other's. Throws `malformed_der`.
 */
export function rdnKeys(name: Bytes): string[] {
  return DerReader.sequence(name, 'name')
    .rest('name', MAX_RDNS)
    .map(({ tag, content }) => {
      if (tag !== TAG.set) throw malformed('an RDN is no SET');
      return rdnKey(content);
    });
}

/** The key of one RDN from the content of its SET. */
export function rdnKey(content: Bytes): string {
  const members = new DerReader(content).rest('RDN', 20).map(({ raw }) => {
    const reader = DerReader.sequence(raw, 'attribute of a name');
    const type = readOid(reader.next('attribute type'), 'attribute type');
    const value = reader.next('attribute value');
    reader.end('attribute of a name');
    return `${type}=${valueKey(value.tag, value.content)}`;
  });
  if (members.length === 0) throw malformed('an RDN is empty');
  return JSON.stringify(members.sort());
}

/** One string for a whole name. */
export const nameKey = (name: Bytes): string => rdnKeys(name).join('');

function valueKey(tag: number, content: Bytes): string {
  switch (tag) {
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.teletexString:
      return fold(toLatin1(content));
    case TAG.utf8String:
      return fold(decode('utf-8', content));
    case TAG.bmpString:
      return fold(decode('utf-16be', content));
    default:
      // no directory string: equal only octet by octet; the control character keeps it apart from any text
      return `\u0000${tag.toString(16)}:${toHex(content)}`;
  }
}

function decode(encoding: 'utf-8' | 'utf-16be', content: Bytes): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw malformed(`an attribute value is no ${encoding}`);
  }
}

/** Prepared as RFC 4518 asks, as far as certificates need it: NFKC, folded, runs of spaces as one, none at the ends. */
function fold(text: string): string {
  if (text.includes('\u0000')) throw malformed('an attribute value contains NUL');
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

const malformed = (message: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule: 'RFC 5280 4.1.2.4', fix: 'Encode the name again.' });
