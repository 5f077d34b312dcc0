/**
 * Managed certificates and their versions as facts (JSON), with columns for what is searched: when one is due, who holds
 * it, which versions are not over. The serial is of the version that is current.
 */
export const sql = `
CREATE TABLE managed (
  name TEXT PRIMARY KEY,
  set_name TEXT,
  revision INTEGER NOT NULL,
  facts TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  held_until INTEGER NOT NULL DEFAULT 0,
  token INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX managed_due ON managed (due_at);
CREATE INDEX managed_set ON managed (set_name, name);

-- where targets are: a place belongs to one wish
CREATE TABLE managed_places (
  place TEXT PRIMARY KEY,
  managed TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX managed_places_of ON managed_places (managed);

CREATE TABLE managed_versions (
  managed TEXT NOT NULL,
  number INTEGER NOT NULL,
  over INTEGER NOT NULL,
  serial TEXT,
  facts TEXT NOT NULL,
  sealed_key BLOB,
  certificates BLOB,
  order_progress TEXT,
  PRIMARY KEY (managed, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX managed_versions_living ON managed_versions (managed, number) WHERE over = 0;
CREATE INDEX managed_versions_serial ON managed_versions (serial) WHERE serial IS NOT NULL;

-- up to which entry of the audit log each webhook was told
CREATE TABLE webhook_places (
  webhook TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE public_authorities (
  name TEXT PRIMARY KEY,
  set_name TEXT,
  spec TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- validations that failed at a public CA, for a day: its limit outlives a restart
CREATE TABLE public_failures (
  directory TEXT NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (directory, name, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX public_failures_at ON public_failures (at);

-- accounts at public CAs; the key is sealed
CREATE TABLE public_accounts (
  directory TEXT PRIMARY KEY,
  url TEXT,
  sealed_key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`;
