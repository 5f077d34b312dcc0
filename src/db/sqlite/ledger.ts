/** The log of record: certificate, names, claim and audit entries of a recording in one job of the writer. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { tokenSpent } from '../../domain/identity/token.ts';
import { labelTexts } from '../../domain/issuance/labels.ts';
import type { JournalRecord } from '../../domain/revocation/ports.ts';
import { fromHex } from '../../x509/bytes.ts';
import type { CertificateRecord, Ledger, Recording, RecordingResult } from '../../domain/issuance/ports.ts';
import {
  certificateParameters,
  type CertificateRow,
  INSERT_CERTIFICATE,
  readCertificateRow,
} from './certificate-row.ts';
import type { Orders } from './acme/orders.ts';
import type { Claims } from './claims.ts';
import type { CountedInventory } from './inventory.ts';
import { octets } from './octets.ts';
import type { Rooms } from './rooms.ts';
import type { Tokens } from './tokens.ts';

/** Thrown inside a job, so that its savepoint takes back what was claimed before. */
function spentOrThrow(error: unknown): RecordingResult {
  if (isChanceryError(error) && error.code === 'token_spent') return { kind: 'spent' };
  throw error;
}

/** What the journal is told: enough for OCSP to know the serial after a restore. */
function issued({ certificate }: Recording): readonly JournalRecord[] | undefined {
  if (certificate === undefined) return undefined;
  const { generation, serial, shard, notAfter } = certificate;
  return [{ kind: 'issued', generation, serial, shard, notAfter }];
}

const RECORDED: RecordingResult = { kind: 'recorded' };

export function openLedger(
  { database, audit, writer }: Rooms,
  claims: Claims,
  inventory: CountedInventory,
  tokens: Tokens,
  orders: Pick<Orders, 'fulfil'>,
): Ledger {
  const insert: Statement = database.prepare(INSERT_CERTIFICATE);
  const insertName: Statement = database.prepare(
    'INSERT INTO certificate_names (value, certificate, kind) VALUES (?, ?, ?)',
  );
  const insertLabel: Statement = database.prepare(
    'INSERT INTO certificate_labels (label, certificate) VALUES (?, ?)',
  );
  const bySerial: Statement<[Uint8Array], CertificateRow> = database.prepare(
    'SELECT * FROM certificates WHERE serial = ?',
  );
  const revokedAt: Statement<[Uint8Array], { revoked_at: number | null }> = database.prepare(
    'SELECT revoked_at FROM certificates WHERE serial = ?',
  );
  const blocked: Statement<[Uint8Array]> = database.prepare(
    'SELECT 1 FROM blocked_keys WHERE key_fingerprint = ?',
  );

  const insertCertificate = (certificate: CertificateRecord): void => {
    const id = insert.run(certificateParameters(certificate)).lastInsertRowid;
    for (const { kind, value } of certificate.names) insertName.run(value, id, kind);
    for (const label of labelTexts(certificate.labels)) insertLabel.run(label, id);
  };

  /** A request takes a while, in which its key may be blocked and the certificate that it renews be revoked. */
  const overtaken = ({ renews, keyFingerprint }: CertificateRecord): RecordingResult | undefined => {
    const at = renews === null ? null : revokedAt.get(octets(renews))?.revoked_at;
    if (typeof at === 'number') return { kind: 'revoked', at };
    return blocked.get(octets(keyFingerprint)) === undefined ? undefined : { kind: 'blocked' };
  };

  const run = ({ certificate, claim, token, order, audit: drafts }: Recording): RecordingResult => {
    const late = certificate && overtaken(certificate);
    if (late !== undefined) return late;
    if (order !== undefined) {
      if (certificate === undefined || claim !== undefined || token !== undefined)
        throw new ChanceryError(
          'internal',
          'an order was claimed beside something else, or for no certificate',
        );
      if (!orders.fulfil(order, certificate.serial)) return { kind: 'fulfilled' };
    }
    if (claim !== undefined) {
      if (certificate === undefined)
        throw new ChanceryError('internal', 'an Idempotency-Key was claimed for no certificate');
      const holder = claims.claim(claim, certificate.serial);
      if (holder !== undefined) return { kind: 'claimed', ...holder };
    }
    if (token !== undefined && !tokens.use(token.id, token.at)) throw tokenSpent(token.id);
    if (certificate !== undefined) insertCertificate(certificate);
    audit.append(drafts);
    return RECORDED;
  };

  return {
    async record(recording) {
      const result = await writer.write(() => run(recording), issued(recording)).catch(spentOrThrow);
      if (result.kind === 'recorded' && recording.certificate !== undefined) inventory.added();
      return result;
    },
    findClaim: (principal, key) => claims.find(principal, key),
    findCertificate(serial) {
      const key = fromHex(serial);
      const row = key && writer.read(() => bySerial.get(key));
      return row && readCertificateRow(row);
    },
    findRevocation(serial) {
      const key = fromHex(serial);
      return key && writer.read(() => revokedAt.get(key))?.revoked_at;
    },
    isKeyBlocked(keyFingerprint) {
      const key = fromHex(keyFingerprint);
      return key !== undefined && writer.read(() => blocked.get(key)) !== undefined;
    },
  };
}
