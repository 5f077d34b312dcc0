/**
 * Numbers and times of CRLs that the journal tells of and no CRL here reaches: none below is ever signed again. Scope -1 is
 * the complete CRL of a generation, or that of a root. And generations that were imported without their past: no CRL of
 * them is published until their last one was given.
 */
export const sql = `
CREATE TABLE crl_floors (
  generation TEXT NOT NULL,
  scope INTEGER NOT NULL,
  number TEXT NOT NULL,
  this_update INTEGER NOT NULL,
  PRIMARY KEY (generation, scope)
) STRICT, WITHOUT ROWID;

ALTER TABLE generations ADD COLUMN crls_held_back INTEGER NOT NULL DEFAULT 0;
`;
