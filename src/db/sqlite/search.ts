/**
 * The SQL of a search: newest first, always driven by an index that is named, so that no planner's guess turns it into
 * a walk over all certificates. The only such walk is the search without conditions, which stops after one page.
 */
import type { Instant } from '../../base/clock.ts';
import { fromHex } from '../../x509/bytes.ts';
import { formatLabel, type Label } from '../../domain/issuance/labels.ts';
import type { CertificateQuery } from '../../domain/issuance/ports.ts';

export interface Search {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

const where = (sql: string, ...parameters: readonly unknown[]): Condition => ({ sql, parameters });

/** `before`: only rows with a smaller number. `undefined` when no certificate can match. */
export function certificateSearch(
  query: CertificateQuery,
  now: Instant,
  before: number,
  limit: number,
): Search | undefined {
  const conditions = conditionsOf(query, now, before);
  if (conditions === undefined) return undefined;
  if (query.name !== undefined) return byName(query.name, before, conditions, limit);
  const index = drivingIndex(query);
  if (index === BY_LABEL) return byLabel(query.label, before, conditions, limit);
  if (index === undefined) return page('certificates c', conditions, limit);
  if (index === BY_TIME) return byTime(conditions, limit);
  return page(`certificates c INDEXED BY ${index}`, conditions, limit);
}

/**
 * For a search by time alone, which reads all that live: the same among the newest certificates, from the row number
 * `from` on. Mostly there are enough.
 */
export function recentSearch(
  query: CertificateQuery,
  now: Instant,
  before: number,
  limit: number,
  from: number,
): Search | undefined {
  if (query.name !== undefined || drivingIndex(query) !== BY_TIME) return undefined;
  const conditions = conditionsOf(query, now, before);
  return conditions && page('certificates c NOT INDEXED', [where('c.id >= ?', from), ...conditions], limit);
}

function conditionsOf(query: CertificateQuery, now: Instant, before: number): Condition[] | undefined {
  const { issuer, profile, principal, owner, label, state, expiresBefore } = query;
  const serial = query.serial === undefined ? undefined : fromHex(query.serial);
  const fingerprint = query.fingerprint === undefined ? undefined : fromHex(query.fingerprint);
  const key = query.keyFingerprint === undefined ? undefined : fromHex(query.keyFingerprint);
  if (query.keyFingerprint !== undefined && key === undefined) return undefined;
  if (query.serial !== undefined && serial === undefined) return undefined;
  if (query.fingerprint !== undefined && fingerprint === undefined) return undefined;

  const conditions: Condition[] = [where('c.id < ?', before)];
  if (serial !== undefined) conditions.push(where('c.serial = ?', serial));
  if (fingerprint !== undefined) conditions.push(where('c.fingerprint = ?', fingerprint));
  if (key !== undefined) conditions.push(where('c.key_fingerprint = ?', key));
  if (owner !== undefined) conditions.push(where('c.owner = ?', owner));
  if (label !== undefined && drivingIndex(query) !== BY_LABEL)
    conditions.push(where(HAS_LABEL, formatLabel(label)));
  if (principal !== undefined) conditions.push(where('c.principal = ?', principal));
  if (issuer !== undefined) conditions.push(where('c.issuer = ?', issuer));
  if (profile !== undefined) conditions.push(where('c.profile = ?', profile));
  if (state === 'valid') conditions.push(where('c.not_after >= ? AND c.revoked_at IS NULL', now));
  if (state === 'expired') conditions.push(where('c.not_after < ? AND c.revoked_at IS NULL', now));
  if (state === 'revoked') conditions.push(where('c.revoked_at IS NOT NULL'));
  if (expiresBefore !== undefined) conditions.push(where('c.not_after < ?', expiresBefore));
  return conditions;
}

const BY_TIME = 'certificates_not_after';
const BY_LABEL = 'certificate_labels';
const HAS_LABEL = 'EXISTS (SELECT 1 FROM certificate_labels l WHERE l.label = ? AND l.certificate = c.id)';

/** The condition that leaves the fewest certificates. */
function drivingIndex(query: CertificateQuery): string | undefined {
  if (query.serial !== undefined) return 'certificates_serial';
  if (query.fingerprint !== undefined) return 'certificates_fingerprint';
  if (query.keyFingerprint !== undefined) return 'certificates_key';
  if (query.name !== undefined) return 'certificate_names';
  if (query.label !== undefined) return BY_LABEL;
  if (query.owner !== undefined) return 'certificates_owner';
  if (query.principal !== undefined) return 'certificates_principal';
  if (query.state === 'revoked') return 'certificates_revoked';
  if (query.issuer !== undefined) return 'certificates_issuer';
  if (query.profile !== undefined) return 'certificates_profile';
  if (query.state !== undefined || query.expiresBefore !== undefined) return BY_TIME;
  return undefined;
}

const page = (from: string, conditions: readonly Condition[], limit: number): Search => ({
  sql: `SELECT c.* FROM ${from} WHERE ${conditions.map(({ sql }) => sql).join(' AND ')} ORDER BY c.id DESC LIMIT ?`,
  parameters: [...conditions.flatMap(({ parameters }) => parameters), limit],
});

/** The group is for a value that stands in one certificate under two kinds. */
function byName(name: string, before: number, conditions: readonly Condition[], limit: number): Search {
  const all = [where('n.value = ? AND n.certificate < ?', name, before), ...conditions];
  return {
    sql: `SELECT c.* FROM certificate_names n CROSS JOIN certificates c ON c.id = n.certificate
      WHERE ${all.map(({ sql }) => sql).join(' AND ')} GROUP BY n.certificate ORDER BY n.certificate DESC LIMIT ?`,
    parameters: [...all.flatMap(({ parameters }) => parameters), limit],
  };
}

function byLabel(
  label: Label | undefined,
  before: number,
  conditions: readonly Condition[],
  limit: number,
): Search {
  const all = [
    where('l.label = ? AND l.certificate < ?', label && formatLabel(label), before),
    ...conditions,
  ];
  return {
    sql: `SELECT c.* FROM certificate_labels l CROSS JOIN certificates c ON c.id = l.certificate
      WHERE ${all.map(({ sql }) => sql).join(' AND ')} ORDER BY l.certificate DESC LIMIT ?`,
    parameters: [...all.flatMap(({ parameters }) => parameters), limit],
  };
}

/** The index has all that decides; only the rows of the page are fetched. */
function byTime(conditions: readonly Condition[], limit: number): Search {
  const ids = page(`certificates c INDEXED BY ${BY_TIME}`, conditions, limit);
  return {
    sql: `SELECT c.* FROM certificates c WHERE c.id IN (${ids.sql.replace('c.*', 'c.id')}) ORDER BY c.id DESC`,
    parameters: ids.parameters,
  };
}
