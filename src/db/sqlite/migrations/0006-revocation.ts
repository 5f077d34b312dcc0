/**
 * Revocations with their CRL entries ready encoded, in the order of the CRL; serials that have no certificate on record;
 * and which CRL is the newest of each scope. `sequence` rises within a generation with every change of a
 * revocation, so that what a CRL covers is a comparison. Scope -1 is the complete CRL of a generation.
 */
export const sql = `
CREATE TABLE revocations (
  generation TEXT NOT NULL,
  shard INTEGER NOT NULL,
  serial BLOB NOT NULL,
  revoked_at INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  crl_seen_at INTEGER,
  ocsp_seen_at INTEGER,
  entry BLOB NOT NULL,
  PRIMARY KEY (generation, shard, serial)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX revocations_serial ON revocations (generation, serial);
CREATE UNIQUE INDEX revocations_sequence ON revocations (generation, sequence);
CREATE INDEX revocations_shard_sequence ON revocations (generation, shard, sequence);
CREATE INDEX revocations_unseen ON revocations (recorded_at)
  WHERE crl_seen_at IS NULL OR ocsp_seen_at IS NULL;
CREATE INDEX revocations_not_after ON revocations (not_after);

CREATE TABLE known_serials (
  generation TEXT NOT NULL,
  serial BLOB NOT NULL,
  shard INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  PRIMARY KEY (generation, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_serials_not_after ON known_serials (not_after);

CREATE TABLE published_crls (
  generation TEXT NOT NULL REFERENCES generations (id),
  scope INTEGER NOT NULL,
  number TEXT NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  covers INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  file TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (generation, scope)
) STRICT, WITHOUT ROWID;

ALTER TABLE certificates ADD COLUMN presented_at INTEGER;
`;
