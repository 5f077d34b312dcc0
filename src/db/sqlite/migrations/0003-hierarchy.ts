/**
 * Roots have successors as issuers have, their keys may be elsewhere (`key_id` is empty then), generations may wait for
 * a signature, and roots have CRLs. `prepared_at` 0: published before anybody asked.
 */
export const sql = `
ALTER TABLE roots ADD COLUMN line TEXT NOT NULL DEFAULT '';
ALTER TABLE roots ADD COLUMN number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE roots ADD COLUMN prepared_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roots ADD COLUMN activated_at INTEGER;
ALTER TABLE roots ADD COLUMN retired_at INTEGER;
UPDATE roots SET line = name, activated_at = 0;
CREATE UNIQUE INDEX roots_line ON roots (line, number);

ALTER TABLE generations ADD COLUMN prepared_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE pending_generations (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  root TEXT NOT NULL REFERENCES roots (name),
  number INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  csr BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (issuer, number)
) STRICT;

-- number is decimal text: RFC 5280 lets it have 20 octets
CREATE TABLE root_crls (
  root TEXT PRIMARY KEY REFERENCES roots (name),
  number TEXT NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  der BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`;
