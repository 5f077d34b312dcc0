/** Where a page of certificates ended. Opaque to callers; only what we wrote ourselves is read. */
import { ChanceryError } from '../../base/errors.ts';
import { fromBase64Url, fromUtf8, toBase64Url, toUtf8 } from '../../x509/bytes.ts';

/** The page after the certificate with this row number. */
export const formatCursor = (id: number): string => toBase64Url(fromUtf8(`before ${id}`));

/** Throws `invalid_cursor`. */
export function parseCursor(text: string): number {
  const match = /^before ([1-9]\d{0,14})$/.exec(toUtf8(fromBase64Url(text)));
  const id = Number(match?.[1]);
  if (match !== null && formatCursor(id) === text) return id;
  throw new ChanceryError('invalid_cursor', {
    message: `${JSON.stringify(text.slice(0, 40))} is not a cursor`,
    rule: 'a cursor is taken as it is from the page before',
    fix: 'Start again without a cursor.',
  });
}
