/** Enrolment tokens, known by the hash of their secret. `used` grows in the transaction that records a certificate. */
export const sql = `
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL,
  spec TEXT NOT NULL,
  uses INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_secret ON tokens (secret_hash);
CREATE INDEX tokens_created ON tokens (created_at);
CREATE INDEX tokens_expiry ON tokens (expires_at);
`;
