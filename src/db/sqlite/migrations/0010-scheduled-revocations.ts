/** Revocations that wait until clients have been told. Few; which are open is said by the two times that are not there yet. */
export const sql = `
CREATE TABLE scheduled_revocations (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  issued_until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  rule TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  cancelled_at INTEGER,
  done_at INTEGER,
  revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_revocations_open ON scheduled_revocations (due_at)
  WHERE cancelled_at IS NULL AND done_at IS NULL;
`;
