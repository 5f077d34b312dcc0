/** Accounts (RFC 8555 7.1.2): an account is a key at one directory, and what its owner said. */
import type { Instant } from '../../base/clock.ts';
import { emailFault, toLowerAscii } from '../identity/names.ts';
import { AcmeProblem } from './problem.ts';

export interface AcmeAccount {
  readonly id: string;
  /** Whose directory it was made at. It is nobody at any other. */
  readonly issuer: string;
  /** Canonical JWK of its key. */
  readonly jwk: string;
  /** SHA-256 of the key's SubjectPublicKeyInfo, hexadecimal. */
  readonly keyFingerprint: string;
  /** `mailto:` URLs. */
  readonly contact: readonly string[];
  readonly termsAgreedAt: Instant | null;
  /** The external account key that it was made with. */
  readonly externalKey: string | null;
  readonly createdAt: Instant;
  readonly deactivatedAt: Instant | null;
}

export type AccountStatus = 'valid' | 'deactivated';

export const accountStatus = ({ deactivatedAt }: AcmeAccount): AccountStatus =>
  deactivatedAt === null ? 'valid' : 'deactivated';

/** How grants and the audit log know an account. */
export const accountPrincipalId = ({ issuer, id }: Pick<AcmeAccount, 'issuer' | 'id'>): string =>
  `acme:${issuer}:${id}`;

const MAX_CONTACTS = 10;
const LONGEST_CONTACT = 320;

/** Contacts as they are kept. Throws `malformed`, `unsupportedContact` or `invalidContact`. */
export function parseContact(list: unknown): string[] {
  if (!Array.isArray(list)) throw new AcmeProblem('malformed', 'contact is not a list');
  if (list.length > MAX_CONTACTS)
    throw new AcmeProblem('invalidContact', `${list.length} contacts, ${MAX_CONTACTS} are allowed`);
  return [...new Set((list as unknown[]).map(parseOneContact))];
}

function parseOneContact(url: unknown): string {
  if (typeof url !== 'string') throw new AcmeProblem('malformed', 'a contact is not a text');
  if (url.length > LONGEST_CONTACT)
    throw new AcmeProblem('invalidContact', `a contact has over ${LONGEST_CONTACT} characters`);
  const quoted = JSON.stringify(url.slice(0, 80));
  if (!/^mailto:/i.test(url))
    throw new AcmeProblem('unsupportedContact', `the contact ${quoted} is not a mailto: URL`);
  // RFC 8555 7.3: neither hfields nor more than one address
  const address = url.slice('mailto:'.length);
  if (/[?,%]/.test(address))
    throw new AcmeProblem('invalidContact', `the contact ${quoted} is more than one address`);
  const at = address.lastIndexOf('@');
  const canonical = `${address.slice(0, at)}@${toLowerAscii(address.slice(at + 1))}`;
  const fault = at < 1 ? 'it is not local-part@host' : emailFault(canonical);
  if (fault !== undefined) throw new AcmeProblem('invalidContact', `the contact ${quoted}: ${fault}`);
  return `mailto:${canonical}`;
}
