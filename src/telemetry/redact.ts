/** The last net under invariant 7: what looks like a secret does not reach the log, whoever put it there. */
import { isChanceryError } from '../base/errors.ts';

const REDACTED = '[redacted]';
const DEEPEST = 6;
const LONGEST_TEXT = 4096;
const MOST_ITEMS = 100;

/** A copy of `value` for the log: secrets replaced, octets counted, errors unfolded, cycles and depth bounded. */
export function redact(value: unknown): unknown {
  return redactValue(value, 0, new Set());
}

function redactValue(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (above.has(value)) return '[circular]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} octets]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (isKey(value)) return REDACTED;
  if (depth >= DEEPEST) return '[…]';
  const within = new Set(above).add(value);
  if (value instanceof Error) return redactError(value, depth, within);
  if (value instanceof Map || value instanceof Set) return redactValue([...value], depth, within);
  if (Array.isArray(value))
    return value.slice(0, MOST_ITEMS).map((item) => redactValue(item, depth + 1, within));
  return redactMembers(value, depth, within);
}

function redactMembers(value: object, depth: number, within: ReadonlySet<object>): object {
  const members: Record<string, unknown> = {};
  for (const name of Object.keys(value).slice(0, MOST_ITEMS)) {
    const member: unknown = (value as Readonly<Record<string, unknown>>)[name];
    members[name] =
      knownSecretName(name) && hasContent(member) ? REDACTED : redactValue(member, depth + 1, within);
  }
  return members;
}

function redactError(error: Error, depth: number, within: ReadonlySet<object>): object {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redactText(error.message),
    // a refusal is an answer and not a fault: its stack says nothing
    ...(isChanceryError(error) ? {} : { stack: redactText(error.stack ?? '') }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1, within) }),
  };
}

/** node:crypto's KeyObject and WebCrypto's CryptoKey, whichever module made them. */
const isKey = (value: object): boolean => /(?:KeyObject|CryptoKey)$/.test(value.constructor?.name ?? '');

const hasContent = (value: unknown): boolean =>
  value !== undefined && value !== null && typeof value !== 'boolean';

const SECRET_WORDS: ReadonlySet<string> = new Set([
  'key', 'private', 'secret', 'token', 'password', 'passwd', 'passphrase', 'credential', 'authorization', 'cookie',
  'pin', 'hmac', 'mac', 'jwk', 'kek', 'dek', 'pkcs8', 'pkcs12', 'pfx', 'bearer', 'jwt', 'jws', 'nonce', 'seed', 'otp',
]); // prettier-ignore
/** What makes a name harmless when it comes last: `keyType`, `tokenFile`. */
const HARMLESS_LAST: ReadonlySet<string> = new Set([
  'id', 'type', 'algorithm', 'bits', 'size', 'count', 'file', 'path', 'fingerprint', 'identifier', 'usage', 'name', 'backend', 'policy', 'uses', 'made', 'strength',
]); // prettier-ignore

/** The names of fields are few and come with every line. */
const judged = new Map<string, boolean>();

function knownSecretName(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const secret = isSecretName(name);
  if (judged.size < 1000) judged.set(name, secret);
  return secret;
}

/** `privateKeyPem`, `x-auth-token`, `HMAC_KEY`; neither `keyId` nor `publicKey`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => (word.length > 3 ? word.replace(/s$/, '') : word));
  if (!words.some((word) => SECRET_WORDS.has(word))) return false;
  if (words.includes('public')) return false;
  return !HARMLESS_LAST.has(words.at(-1) ?? '');
}

/** Secrets that are known by their shape, wherever they are. */
const SECRET_SHAPES: readonly (readonly [shape: RegExp, shown: string])[] = [
  [
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
    REDACTED,
  ],
  [/\bchy_[A-Za-z0-9_-]+/g, `chy_${REDACTED}`],
  [/\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(pass(?:word|phrase)|secret|token|api[_-]?key)=[^\s"'&;,]+/gi, `$1=${REDACTED}`],
  [/([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,256}:)[^\s@/]{1,256}@/gi, `$1${REDACTED}@`],
];

/** A part of each shape: most texts have none, and one look is cheaper than one for each. */
const MAY_HOLD_SECRET = /-BEGIN |chy_|bearer|basic|dpop|eyJ|=|:\/\//i;

/** Text without secrets of a known shape and without characters that steer a terminal or end a line for some readers. */
export function redactText(text: string): string {
  let clean = text;
  if (MAY_HOLD_SECRET.test(text))
    for (const [shape, shown] of SECRET_SHAPES) clean = clean.replace(shape, shown);
  clean = clean.replace(
    STEERING,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return clean.length <= LONGEST_TEXT
    ? clean
    : `${clean.slice(0, LONGEST_TEXT)}… (${clean.length} characters)`;
}

/** C1 controls, line and paragraph separators, bidirectional marks. JSON itself escapes the rest. */
const STEERING = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
