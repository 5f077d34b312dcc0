/** The ID token of an answer of the token endpoint, held against what was asked for (OIDC Core 3.1.3.7). */
import type { LoginProvider } from '../../api/logins.ts';
import { MAX_JWT_OCTETS } from '../../domain/identity/jwt.ts';
import { toUtf8 } from '../../x509/bytes.ts';
import { readCompactJws } from '../../x509/jws.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';
import { type ProviderAnswer, refusedLogin, unusable } from './provider.ts';

export interface IdToken {
  /** The JWT. Never printed. */
  readonly text: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * The signature is for the server to judge: the token came over TLS from the provider itself (3.1.3.7, 6). Throws
 * `credential_rejected` or `login_provider_unavailable`.
 */
export function readIdToken(
  provider: LoginProvider,
  { status, json }: ProviderAnswer,
  nonce?: string,
): IdToken {
  if (status !== 200) throw refusedLogin(provider, json['error'], json['error_description']);
  const text = json['id_token'];
  const jws = typeof text === 'string' ? readCompactJws(text, MAX_JWT_OCTETS) : { fault: 'it is not there' };
  if (typeof text !== 'string' || 'fault' in jws)
    throw unusable(
      provider,
      `its answer has no ID token (${'fault' in jws ? jws.fault : ''}); scopes need openid`,
    );
  const claims = parseStrictJson(toUtf8(jws.payload));
  if (!isObject(claims)) throw unusable(provider, 'its ID token cannot be read');
  const { iss, aud } = claims;
  if (iss !== provider.issuer) throw unusable(provider, 'its ID token is of another issuer');
  if (![aud].flat().includes(provider.clientId))
    throw unusable(provider, 'its ID token is for another client');
  if (nonce !== undefined && claims['nonce'] !== nonce)
    throw unusable(provider, 'its ID token is the answer to another login (nonce)');
  return { text, claims };
}

/** The address that the provider vouches for. */
export const verifiedEmail = ({ claims }: IdToken): string | undefined =>
  claims['email_verified'] === true && typeof claims['email'] === 'string' ? claims['email'] : undefined;
