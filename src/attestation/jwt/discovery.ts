/** OpenID Connect Discovery 1.0: where an issuer's keys are. */
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';

export const MAX_DISCOVERY_OCTETS = 1024 * 1024;

/** Section 4: a terminating slash of the issuer is removed before the path is appended. */
export const discoveryUrl = (issuer: string): URL =>
  new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);

/** `jwks_uri` of the document. Throws an Error for a document of somebody else (section 4.3). */
export function keySetUrl(document: string, issuer: string): URL {
  const metadata = parseStrictJson(document);
  if (!isObject(metadata)) throw new Error('the discovery document is not a JSON object');
  if (metadata['issuer'] !== issuer)
    throw new Error(
      `the discovery document is of the issuer ${JSON.stringify(metadata['issuer'])?.slice(0, 200) ?? 'nobody'}, not of ${issuer}`,
    );
  const uri = metadata['jwks_uri'];
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '')
    throw new Error('the jwks_uri of the discovery document is no https URL');
  return url;
}
