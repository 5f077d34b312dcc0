/** JSON in which every name of an object stands once: two readers never see two different values (RFC 8725 2.4, RFC 7515 4). */

/** `undefined` when the text is not JSON, or an object in it has a name twice. */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return hasDoubleName(text) ? undefined : value;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** `text` is JSON already, so that brackets and strings are where they should be. */
function hasDoubleName(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let name = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i);
      name = text.slice(i + 1, end);
      i = end;
    } else if (code === COLON) {
      // "a" and "\u0061" are one name
      if (name.includes('\\')) name = JSON.parse(`"${name}"`) as string;
      const last = open.length - 1;
      const names = open[last];
      if (names === undefined) open[last] = new Set([name]);
      else if (names.has(name)) return true;
      else names.add(name);
    } else if (OPEN.has(code)) open.push(undefined);
    else if (CLOSE.has(code)) open.pop();
  }
  return false;
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    // an even number of backslashes: they escape each other, not the quote
    if ((end - before) % 2 === 1) return end;
  }
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
