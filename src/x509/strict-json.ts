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

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

/** `text` is JSON already, so that brackets and strings are where they should be. */
function hasDoubleName(text: string): boolean {
  const open: Set<string>[] = [];
  let before = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1);
      // "a" and "\u0061" are one name
      const name = JSON.parse(before) as string;
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
    before = token;
  }
  return false;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
