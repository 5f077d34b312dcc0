/** Which certificate renewed another: asked before a revocation, and by who looks at one. */
export const sql = `
CREATE INDEX certificates_renews ON certificates (renews) WHERE renews IS NOT NULL;
`;
