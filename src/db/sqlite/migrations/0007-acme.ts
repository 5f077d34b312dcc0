/**
 * The ACME server. What an order or authorization is now is computed from these facts, so no column says it.
 *
 * Ids of orders, authorizations and accounts begin with the time, so that new ones lie side by side and lists and
 * clean-up go by id. Who had a challenge answered and not ended is in an index of its own, which is nearly empty.
 */
export const sql = `
CREATE TABLE acme_accounts (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  jwk TEXT NOT NULL,
  key_fingerprint BLOB NOT NULL,
  contact TEXT NOT NULL,
  terms_agreed_at INTEGER,
  external_key TEXT,
  created_at INTEGER NOT NULL,
  deactivated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX acme_accounts_key ON acme_accounts (key_fingerprint, issuer);

CREATE TABLE acme_external_keys (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  spec TEXT NOT NULL,
  sealed BLOB NOT NULL,
  uses INTEGER,
  used INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE acme_orders (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  account TEXT NOT NULL,
  names TEXT NOT NULL,
  authorizations TEXT NOT NULL,
  profile TEXT NOT NULL,
  not_before INTEGER,
  not_after INTEGER,
  replaces BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  certificate BLOB,
  refusal TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_orders_account ON acme_orders (account, id);
CREATE UNIQUE INDEX acme_orders_certificate ON acme_orders (certificate) WHERE certificate IS NOT NULL;
CREATE INDEX acme_orders_open ON acme_orders (expires_at) WHERE certificate IS NULL;
CREATE INDEX acme_orders_replaces ON acme_orders (replaces) WHERE replaces IS NOT NULL;

CREATE TABLE acme_authorizations (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  wildcard INTEGER NOT NULL,
  seed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  deactivated_at INTEGER,
  preauthorized_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_authorizations_name ON acme_authorizations (account, value, kind, id);

CREATE TABLE acme_challenges (
  authorization TEXT NOT NULL,
  type TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  validated_at INTEGER,
  failed_at INTEGER,
  problem TEXT,
  log TEXT,
  PRIMARY KEY (authorization, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_challenges_unsettled ON acme_challenges (authorization)
  WHERE validated_at IS NULL AND failed_at IS NULL;

CREATE TABLE acme_windows (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  issued_until INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  explanation_url TEXT
) STRICT, WITHOUT ROWID;

-- theoretical arrival time of the generic cell rate algorithm
CREATE TABLE acme_rates (
  key TEXT PRIMARY KEY,
  arrival INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_rates_arrival ON acme_rates (arrival);
`;
