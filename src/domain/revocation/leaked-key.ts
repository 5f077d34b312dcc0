/**
 * Revocation by proof (key-statement.ts): no login and no grant, for anybody who holds the private key. First the key is
 * blocked, with the first certificates in one transaction, so that none is issued for it while the rest are revoked.
 * The same statement again finds everything done.
 */
import { ChanceryError } from '../../base/errors.ts';
import { HOUR, type Instant } from '../../base/clock.ts';
import { toHex } from '../../x509/bytes.ts';
import type { Door, Principal } from '../identity/principal.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import { readKeyStatement } from './key-statement.ts';
import type { RevocationPorts, RevocationReport, RevokedOne } from './request.ts';
import { draftOf, MOST_AT_ONCE, order, record } from './revoke.ts';
import { reachNotice, revocationReach } from './reach.ts';
import { CHUNK } from './selection.ts';

export interface LeakedKeyReport extends RevocationReport {
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly keyFingerprint: string;
}

const ANYBODY: Principal = { kind: 'anonymous' };
export const LEAKED_KEY_RULE = 'builtin:leaked-key';

/** Throws `proof_of_possession_failed`, `too_many_requests`, `store_unavailable` or `audit_unavailable`. */
export async function revokeLeakedKey(
  ports: RevocationPorts,
  statement: string,
  door: Door,
  budget: BlockBudget,
): Promise<LeakedKeyReport> {
  const now = ports.clock.now();
  const keyFingerprint = toHex(readKeyStatement(statement, ports.trustDomain, now).fingerprint);
  const run: Run = { ports, keyFingerprint, door, now, results: [], notices: new Set() };
  let more = await revokeAll(run);
  // what was recorded between the search and the block
  if (!more && (await blockUnknown(run, budget))) more = await revokeAll(run);
  return { keyFingerprint, results: run.results, more, notices: [...run.notices] };
}

interface Run {
  readonly ports: RevocationPorts;
  readonly keyFingerprint: string;
  readonly door: Door;
  readonly now: Instant;
  readonly results: RevokedOne[];
  readonly notices: Set<string>;
}

/** Whether there are more than one request revokes. */
async function revokeAll({ ports, keyFingerprint, door, now, results, notices }: Run): Promise<boolean> {
  const draft = { ...draftOf({ principal: ANYBODY, door }, now), details: { rule: LEAKED_KEY_RULE } };
  for (const page of uncompromised(ports, keyFingerprint, now)) {
    if (results.length >= MOST_AT_ONCE) return true;
    const orders = page.map((stored) => order(stored, 'keyCompromise', keyFingerprint, now, draft));
    results.push(...(await record(ports, orders, page, now)));
    const notice = page.some((stored) => revocationReach(stored) === 'here')
      ? reachNotice('here')
      : undefined;
    if (notice !== undefined) notices.add(notice);
    await ports.pause();
  }
  return false;
}

/** Those that have not expired and are not revoked for this reason yet; one that is revoked for another is raised. */
function* uncompromised(
  { inventory, store }: RevocationPorts,
  keyFingerprint: string,
  now: Instant,
): Generator<readonly StoredCertificate[]> {
  let cursor: string | undefined;
  do {
    const page = inventory.search({ keyFingerprint }, now, CHUNK, cursor);
    const found = page.certificates.filter(({ generation, serial, notAfter }) => {
      const status = store.status(generation, serial);
      return notAfter >= now && !(status.kind === 'revoked' && status.reason === 'keyCompromise');
    });
    if (found.length > 0) yield found;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Whether it was not blocked before: there was no certificate to revoke with it. */
async function blockUnknown(
  { ports, keyFingerprint: key, door, now }: Run,
  budget: BlockBudget,
): Promise<boolean> {
  if (ports.ledger.isKeyBlocked(key)) return false;
  // a key of a certificate here is worth an entry; of others anybody can make as many as they like
  const ours = ports.inventory.search({ keyFingerprint: key }, now, 1).certificates.length > 0;
  if (!ours) budget.take(now);
  const details = { key, rule: LEAKED_KEY_RULE, certificates: ours ? 'revoked or expired' : 'none' };
  return ports.store.block({ key, blockedAt: now }, [
    { ...draftOf({ principal: ANYBODY, door }, now, 'key.blocked'), details },
  ]);
}

/** How many keys that nobody here has seen strangers may have blocked in an hour. */
const UNKNOWN_KEYS_PER_HOUR = 200;

export class BlockBudget {
  #since: Instant = 0;
  #taken = 0;

  /** Throws `too_many_requests`. */
  take(now: Instant): void {
    if (now - this.#since >= HOUR || now < this.#since) {
      this.#since = now;
      this.#taken = 0;
    }
    this.#taken += 1;
    if (this.#taken <= UNKNOWN_KEYS_PER_HOUR) return;
    throw new ChanceryError('too_many_requests', {
      message: 'too many keys that no certificate here is about were reported within an hour',
      rule: `at most ${UNKNOWN_KEYS_PER_HOUR} an hour; keys of our own certificates are always taken`,
      fix: 'Try again later.',
      retryAfter: Math.ceil((this.#since + HOUR - now) / 1000),
    });
  }
}
