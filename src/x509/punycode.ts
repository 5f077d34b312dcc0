/** Punycode (RFC 3492): what stands behind `xn--` in an A-label. Only read here; names are written as they came. */

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const FIRST_BIAS = 72;
const FIRST_BEYOND_ASCII = 0x80;
const LAST_CODE_POINT = 0x10ffff;

/**
 * The label that the text behind `xn--`, in lower case, stands for. `undefined` where it is not written as RFC 3492
 * 6.3 would write it, or has nothing beyond ASCII: then no A-label was needed, and there would be two of one name.
 */
export function decodePunycode(text: string): string | undefined {
  const dash = text.lastIndexOf('-');
  const label = dash < 0 ? [] : [...text.slice(0, dash)].map((char) => char.charCodeAt(0));
  const digits = text.slice(dash + 1);
  if (dash === 0 || digits === '' || label.some((code) => code >= FIRST_BEYOND_ASCII)) return undefined;
  let code = FIRST_BEYOND_ASCII;
  let bias = FIRST_BIAS;
  let position = 0;
  for (let at = 0; at < digits.length;) {
    const from = position;
    let weight = 1;
    for (let k = BASE; ; k += BASE) {
      const digit = valueOf(digits.charCodeAt(at++));
      // also at the end of the text, within a number
      if (digit === undefined) return undefined;
      position += digit * weight;
      if (position > Number.MAX_SAFE_INTEGER / BASE) return undefined;
      const threshold = Math.min(T_MAX, Math.max(T_MIN, k - bias));
      if (digit < threshold) break;
      weight *= BASE - threshold;
    }
    const length = label.length + 1;
    bias = adapt(position - from, length, from === 0);
    code += Math.floor(position / length);
    position %= length;
    if (code > LAST_CODE_POINT || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    label.splice(position++, 0, code);
  }
  return String.fromCodePoint(...label);
}

/** a to z are 0 to 25, 0 to 9 are 26 to 35. */
function valueOf(char: number): number | undefined {
  if (char >= 0x61 && char <= 0x7a) return char - 0x61;
  if (char >= 0x30 && char <= 0x39) return char - 0x30 + 26;
  return undefined;
}

function adapt(delta: number, length: number, first: boolean): number {
  let rest = first ? Math.floor(delta / DAMP) : delta >> 1;
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}
