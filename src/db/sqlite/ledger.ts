/** The log of record: certificate, names, claim and audit entries of a recording in one job of the writer. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { tokenSpent } from '../../domain/identity/token.ts';
import { labelTexts } from '../../domain/issuance/labels.ts';
import { fromHex } from '../../x509/bytes.ts';
import type { CertificateRecord, Ledger, Recording, RecordingResult } from '../../domain/issuance/ports.ts';
import {
  certificateParameters,
  type CertificateRow,
  INSERT_CERTIFICATE,
  readCertificateRow,
} from './certificate-row.ts';
import type { Claims } from './claims.ts';
import type { CountedInventory } from './inventory.ts';
import type { Rooms } from './rooms.ts';
import type { Tokens } from './tokens.ts';

/** Thrown inside a job, so that its savepoint takes back what was claimed before. */
function spentOrThrow(error: unknown): RecordingResult {
  if (isChanceryError(error) && error.code === 'token_spent') return { kind: 'spent' };
  throw error;
}

const RECORDED: RecordingResult = { kind: 'recorded' };

export function openLedger(
  { database, audit, writer }: Rooms,
  claims: Claims,
  inventory: CountedInventory,
  tokens: Tokens,
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

  const run = ({ certificate, claim, token, audit: drafts }: Recording): RecordingResult => {
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
      const result = await writer.write(() => run(recording)).catch(spentOrThrow);
      if (result.kind === 'recorded' && recording.certificate !== undefined) inventory.added();
      return result;
    },
    findClaim: (principal, key) => claims.find(principal, key),
    findCertificate(serial) {
      const octets = fromHex(serial);
      const row = octets && writer.read(() => bySerial.get(octets));
      return row && readCertificateRow(row);
    },
    findRevocation(serial) {
      const octets = fromHex(serial);
      return octets && writer.read(() => revokedAt.get(octets))?.revoked_at;
    },
    isKeyBlocked(keyFingerprint) {
      const octets = fromHex(keyFingerprint);
      return octets !== undefined && writer.read(() => blocked.get(octets)) !== undefined;
    },
  };
}
