/**
 * Certificates have owners and labels, and are found by them and by their keys. `certificates.labels` is JSON, what is
 * read back; `certificate_labels` is the way from a label (`key:value`) to its certificates. Who has neither costs
 * neither index anything.
 */
export const sql = `
ALTER TABLE certificates ADD COLUMN owner TEXT;
ALTER TABLE certificates ADD COLUMN labels TEXT;
CREATE INDEX certificates_owner ON certificates (owner) WHERE owner IS NOT NULL;
CREATE INDEX certificates_key ON certificates (key_fingerprint);
CREATE TABLE certificate_labels (
  label TEXT NOT NULL,
  certificate INTEGER NOT NULL,
  PRIMARY KEY (label, certificate)
) STRICT, WITHOUT ROWID;
`;
