/** What an operator does with the ACME server: external account keys, accounts, renewal windows. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatInstant, HOUR, type Instant } from '../../base/clock.ts';
import { type Bytes, toHex } from '../../x509/bytes.ts';
import type { Json } from '../audit/entry.ts';
import type { NameLists } from '../identity/names.ts';
import { type Door, type Principal, principalId } from '../identity/principal.ts';
import { findProfile } from '../issuance/selection.ts';
import type { AcmeAccount } from './account.ts';
import { externalKeyContext } from './accounts.ts';
import { acmeDraft } from './acme-audit.ts';
import type { AcmePorts, DirectoryPolicy } from './context.ts';
import { patternsOf, type StoredExternalKey } from './external-key.ts';
import { newId } from './ids.ts';
import type { MovedWindow } from './ports.ts';

export type OperatorPorts = Pick<AcmePorts, 'issuance' | 'store' | 'secrets' | 'directories'>;

export interface By {
  readonly principal: Principal;
  readonly door: Door;
}

export interface ExternalKeyWish {
  readonly issuer: string;
  readonly name: string | undefined;
  readonly names: NameLists | undefined;
  readonly preauthorized: NameLists | undefined;
  readonly profile: string | undefined;
  readonly uses: number | undefined;
  readonly life: Duration | undefined;
}

const ID_OCTETS = 10;
/** As many as HS256 hashes at most into a code (RFC 7518 3.2). */
const MAC_KEY_OCTETS = 32;

/** Throws `invalid_request`, `invalid_name` or `not_found`. */
export async function createExternalKey(
  { issuance, store, secrets, directories }: OperatorPorts,
  by: By,
  wish: ExternalKeyWish,
): Promise<{ readonly key: StoredExternalKey; readonly macKey: Bytes }> {
  const directory = findDirectory(directories, wish.issuer);
  if (directory.externalKeys === 'off')
    throw new ChanceryError('invalid_request', {
      message: `the issuer ${directory.issuer} takes no external account keys`,
      rule: 'issuers.<name>.acme.eab is optional or required',
      fix: 'Change it in the configuration file and restart the server.',
    });
  if (wish.profile !== undefined) {
    findProfile(issuance.profiles, wish.profile);
    if (!directory.profiles.includes(wish.profile)) throw otherProfile(directory, wish.profile);
  }
  for (const lists of [wish.names, wish.preauthorized]) if (lists !== undefined) patternsOf(lists);
  const { clock, random } = issuance;
  const now = clock.now();
  const id = toHex(random.bytes(ID_OCTETS));
  const macKey = random.bytes(MAC_KEY_OCTETS);
  const key: StoredExternalKey = {
    id,
    issuer: directory.issuer,
    name: wish.name ?? id,
    names: wish.names ?? null,
    preauthorized: wish.preauthorized ?? null,
    profile: wish.profile ?? null,
    expiresAt: wish.life === undefined ? null : now + wish.life,
    uses: wish.uses ?? null,
    createdBy: principalId(by.principal),
    createdAt: now,
    sealed: secrets.seal(macKey, externalKeyContext(id)),
    used: 0,
    revokedAt: null,
  };
  await store.externalKeys.add(key, [
    acmeDraft(now, actor(by), 'acme.key.created', 'allowed', {
      key: id,
      issuer: key.issuer,
      name: key.name,
      names: listed(key.names),
      preauthorized: listed(key.preauthorized),
      profile: key.profile,
      uses: key.uses,
      expiresAt: key.expiresAt === null ? null : formatInstant(key.expiresAt),
    }),
  ]);
  return { key, macKey };
}

const actor = ({ principal, door }: By): { principal: string; door: Door } => ({
  principal: principalId(principal),
  door,
});

const listed = (lists: NameLists | null): Json =>
  lists === null
    ? null
    : Object.entries(lists).flatMap(([kind, patterns]) => patterns.map((text) => `${kind}:${text}`));

const otherProfile = ({ issuer, profiles }: DirectoryPolicy, profile: string): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `the issuer ${issuer} does not issue with the profile ${profile}`,
    rule: `its profiles are ${profiles.join(', ')}`,
    fix: 'Take one of these.',
  });

/** Throws `not_found`. */
function findDirectory(directories: AcmePorts['directories'], issuer: string): DirectoryPolicy {
  const found = directories.get(issuer);
  if (found !== undefined) return found;
  throw new ChanceryError('not_found', {
    message: `the issuer ${JSON.stringify(issuer)} serves no ACME`,
    rule: `issuers with acme.enabled: ${[...directories.keys()].join(', ') || 'none'}`,
    fix: 'Name one of these.',
  });
}

/** Throws `not_found`. What the key vouched for is over at once. */
export async function revokeExternalKey(
  { issuance, store }: OperatorPorts,
  by: By,
  id: string,
): Promise<void> {
  const now = issuance.clock.now();
  await store.externalKeys.revoke(id, now, [
    acmeDraft(now, actor(by), 'acme.key.revoked', 'allowed', { key: id }),
  ]);
}

/** Throws `not_found`. Its certificates live on. */
export async function deactivateAccount(
  { issuance, store }: OperatorPorts,
  by: By,
  id: string,
): Promise<AcmeAccount> {
  const now = issuance.clock.now();
  const { issuer } = store.accounts.find(id) ?? { issuer: '' };
  return store.accounts.change(id, { deactivatedAt: now }, [
    acmeDraft(now, actor(by), 'acme.account.deactivated', 'allowed', { account: id, issuer }),
  ]);
}

/** The longest time after which a client asks for its window again (renewal-info.ts). */
const POLLED_WITHIN: Duration = 6 * HOUR;

/**
 * All certificates of the issuer so far are to be renewed from now on. Until `knownBy` not every client has heard of it:
 * who revokes them should wait for that.
 */
export async function moveWindows(
  { issuance, store, directories }: OperatorPorts,
  by: By,
  issuer: string,
  within: Duration,
  explanationUrl: string | undefined,
): Promise<{ readonly window: MovedWindow; readonly knownBy: Instant }> {
  findDirectory(directories, issuer);
  const { clock, random } = issuance;
  const now = clock.now();
  const window: MovedWindow = {
    id: newId(random, now),
    issuer,
    issuedUntil: now,
    start: now,
    end: now + within,
    explanationUrl: explanationUrl ?? null,
  };
  await store.windows.move(window, [
    acmeDraft(now, actor(by), 'acme.window.moved', 'allowed', {
      issuer,
      issuedUntil: formatInstant(now),
      start: formatInstant(window.start),
      end: formatInstant(window.end),
    }),
  ]);
  return { window, knownBy: now + POLLED_WITHIN };
}
