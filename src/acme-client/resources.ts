/** What a CA sends, read: everything is checked before it is used, for a CA can be hostile. */
import { type Instant, parseInstant } from '../base/clock.ts';
import { AuthorityError, printable } from './errors.ts';

export interface AcmeIdentifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

export interface CaOrder {
  readonly url: string;
  readonly status: OrderStatus;
  readonly identifiers: readonly AcmeIdentifier[];
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | undefined;
  readonly error: string | undefined;
}

export interface CaChallenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly error: string | undefined;
}

export interface CaAuthorization {
  readonly url: string;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  readonly identifier: AcmeIdentifier;
  readonly wildcard: boolean;
  readonly challenges: readonly CaChallenge[];
}

export interface RenewalWindow {
  readonly start: Instant;
  readonly end: Instant;
  /** When to ask again. */
  readonly retryAt: Instant | undefined;
  readonly explanation: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const list = (value: unknown, most: number): readonly unknown[] =>
  Array.isArray(value) ? value.slice(0, most) : [];
const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 2000) : '');

const unreadable = (what: string): AuthorityError =>
  new AuthorityError('protocol', { detail: `the CA sent ${what} that cannot be read` });

const problemText = (value: unknown): string | undefined => {
  const { type, detail } = fields(value);
  const said = [printable(type).replace('urn:ietf:params:acme:error:', ''), printable(detail)]
    .filter(Boolean)
    .join(': ');
  return said === '' ? undefined : said;
};

function identifierOf(value: unknown): AcmeIdentifier {
  const { type, value: name } = fields(value);
  if ((type === 'dns' || type === 'ip') && typeof name === 'string' && /^[a-z0-9.:*-]{1,253}$/i.test(name))
    return { type, value: name.toLowerCase() };
  throw unreadable('an identifier');
}

/** RFC 8555 7.1.3. Throws `AuthorityError`. */
export function readOrder(data: unknown, url: string): CaOrder {
  const order = fields(data);
  const status = order['status'];
  const known = ['pending', 'ready', 'processing', 'valid', 'invalid'].includes(String(status));
  if (!known || typeof order['finalize'] !== 'string') throw unreadable('an order');
  return {
    url,
    status: status as OrderStatus,
    identifiers: list(order['identifiers'], 200).map(identifierOf),
    authorizations: list(order['authorizations'], 200).map(text),
    finalize: order['finalize'],
    certificate: typeof order['certificate'] === 'string' ? order['certificate'] : undefined,
    error: problemText(order['error']),
  };
}

/** RFC 8555 7.1.4. Throws `AuthorityError`. */
export function readAuthorization(data: unknown, url: string): CaAuthorization {
  const authorization = fields(data);
  const status = String(authorization['status']);
  if (!['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'].includes(status))
    throw unreadable('an authorization');
  return {
    url,
    status: status as CaAuthorization['status'],
    identifier: identifierOf(authorization['identifier']),
    wildcard: authorization['wildcard'] === true,
    challenges: list(authorization['challenges'], 20).flatMap((found): CaChallenge[] => {
      const challenge = fields(found);
      const token = text(challenge['token']);
      // RFC 8555 8.1: base64url. acme.sh 4659: a token is a file name and part of a shell line for others
      if (!/^[A-Za-z0-9_-]{16,512}$/.test(token)) return [];
      return [
        {
          type: text(challenge['type']),
          url: text(challenge['url']),
          token,
          status: text(challenge['status']),
          error: problemText(challenge['error']),
        },
      ];
    }),
  };
}

/** RFC 9773 4.2; `undefined` for a window that ends before it starts. */
export function readWindow(data: unknown, retryAt: Instant | undefined): RenewalWindow | undefined {
  const { suggestedWindow, explanationURL } = fields(data);
  const window = fields(suggestedWindow);
  const start = parseInstant(text(window['start']));
  const end = parseInstant(text(window['end']));
  if (start === undefined || end === undefined || end <= start) return undefined;
  return { start, end, retryAt, explanation: printable(explanationURL) || undefined };
}
