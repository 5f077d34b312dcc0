/** PEM as RFC 7468 writes it (strict form out, its lax form in: text around the blocks is skipped). */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, toBase64 } from './bytes.ts';

export interface PemBlock {
  readonly label: string;
  readonly der: Bytes;
}

export function encodePem(label: string, der: Bytes): string {
  const base64 = toBase64(der);
  let body = '';
  for (let i = 0; i < base64.length; i += 64) body += base64.slice(i, i + 64) + '\n';
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}

const malformed = (message: string): ChanceryError =>
  new ChanceryError('malformed_pem', {
    message,
    rule: 'RFC 7468 section 2',
    fix: 'Send the text from -----BEGIN …----- to -----END …----- unchanged, with its line breaks.',
  });

/** All blocks of a text, in order. Throws `malformed_pem`. Linear in the length of the text (CVE-2024-12401). */
export function decodePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let at = 0;
  for (;;) {
    const begin = text.indexOf('-----BEGIN ', at);
    if (begin === -1) return blocks;
    const labelEnd = text.indexOf('-----', begin + 11);
    const label = labelEnd === -1 ? '' : text.slice(begin + 11, labelEnd);
    if (!/^[A-Z0-9][A-Z0-9 ]{0,40}$/.test(label)) throw malformed('a BEGIN line has no proper label');
    const footer = `-----END ${label}-----`;
    const end = text.indexOf(footer, labelEnd);
    if (end === -1) throw malformed(`the block "${label}" has no END line`);
    const base64 = text.slice(labelEnd + 5, end).replace(/[\r\n\t ]/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0)
      throw malformed(`the block "${label}" is not base64`);
    blocks.push({ label, der: Buffer.from(base64, 'base64') });
    at = end + footer.length;
  }
}

/** The first block with one of the labels. Throws `malformed_pem` when there is none. */
export function decodePemOne(text: string, ...labels: readonly string[]): Bytes {
  const blocks = decodePem(text);
  const found = blocks.find((block) => labels.includes(block.label));
  if (found !== undefined) return found.der;
  const seen = blocks.map((block) => `"${block.label}"`).join(', ') || 'no PEM block';
  throw malformed(`expected a block "${labels.join('" or "')}", found ${seen}`);
}
