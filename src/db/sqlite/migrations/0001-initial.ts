/**
 * Times are Instants (milliseconds), fingerprints, serials and hashes are octets.
 *
 * `certificates.names` is what is read back; `certificate_names` is the way from a name to its certificates, newest
 * first, in one lookup. Every index of a rowid table ends with the rowid, so each one here also yields newest first.
 */
export const sql = `
CREATE TABLE certificates (
  id INTEGER PRIMARY KEY,
  serial BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  key_fingerprint BLOB NOT NULL,
  generation TEXT NOT NULL,
  issuer TEXT NOT NULL,
  profile TEXT NOT NULL,
  principal TEXT NOT NULL,
  rule TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  renews BLOB,
  revoked_at INTEGER,
  revocation_reason INTEGER,
  names TEXT NOT NULL,
  der BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX certificates_serial ON certificates (serial);
CREATE UNIQUE INDEX certificates_fingerprint ON certificates (fingerprint);
CREATE INDEX certificates_principal ON certificates (principal);
CREATE INDEX certificates_issuer ON certificates (issuer);
CREATE INDEX certificates_profile ON certificates (profile);
CREATE INDEX certificates_not_after ON certificates (not_after, revoked_at);
CREATE INDEX certificates_revoked ON certificates (id) WHERE revoked_at IS NOT NULL;

CREATE TABLE certificate_names (
  value TEXT NOT NULL,
  certificate INTEGER NOT NULL REFERENCES certificates (id),
  kind TEXT NOT NULL,
  PRIMARY KEY (value, certificate, kind)
) STRICT, WITHOUT ROWID;

-- latest_time is the latest time of this entry and all before it: the clock may have gone back
CREATE TABLE audit_entries (
  sequence INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  hash BLOB NOT NULL,
  latest_time INTEGER NOT NULL
) STRICT;
CREATE TRIGGER audit_entries_never_change BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_entries_never_go BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE audit_heads (
  sequence INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  time INTEGER NOT NULL,
  key_id BLOB NOT NULL,
  signature TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency_claims (
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  serial BLOB NOT NULL,
  claimed_at INTEGER NOT NULL,
  PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_claims_claimed_at ON idempotency_claims (claimed_at);

CREATE TABLE roots (
  name TEXT PRIMARY KEY,
  key_id TEXT NOT NULL,
  certificate BLOB NOT NULL
) STRICT;

CREATE TABLE generations (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  root TEXT NOT NULL REFERENCES roots (name),
  number INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  certificate BLOB NOT NULL,
  shards INTEGER NOT NULL,
  activated_at INTEGER,
  retired_at INTEGER,
  stopped TEXT,
  UNIQUE (issuer, number)
) STRICT;

CREATE TABLE grants (
  name TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE blocked_keys (
  key_fingerprint BLOB PRIMARY KEY,
  blocked_at INTEGER NOT NULL,
  reason INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;
