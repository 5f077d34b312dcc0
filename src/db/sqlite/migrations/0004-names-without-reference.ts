/**
 * The names of a certificate no longer refer to it: with the reference, forgetting a certificate reads the names of all
 * others to see that none is left, for they are ordered by name.
 */
export const sql = `
CREATE TABLE names_of_certificates (
  value TEXT NOT NULL,
  certificate INTEGER NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (value, certificate, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO names_of_certificates SELECT value, certificate, kind FROM certificate_names ORDER BY value, certificate, kind;
DROP TABLE certificate_names;
ALTER TABLE names_of_certificates RENAME TO certificate_names;
`;
