/** keyChange (RFC 8555 7.3.5): the old key signs that the new one, which signs itself, takes its place. */
import { readFlattenedJws } from '../../x509/jws-json.ts';
import { type JwsKey, readJwsKey, verifyWithJwsKey } from '../../x509/jws-key.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';
import { accountPrincipalId } from './account.ts';
import { refuseWeakKey } from './accounts.ts';
import { acmeDraft } from './acme-audit.ts';
import { type AcmePorts, type AcmeReply, accountUrl } from './context.ts';
import { AcmeProblem } from './problem.ts';
import { type AccountRequest, malformed, requirePayload } from './request.ts';

export async function keyChange(ports: AcmePorts, request: AccountRequest): Promise<AcmeReply> {
  const { account, call } = request;
  const key = readNewKey(ports, request);
  refuseWeakKey(ports, key);
  const now = ports.issuance.clock.now();
  const after = await ports.store.accounts.changeKey(
    account.id,
    { jwk: key.jwk, keyFingerprint: key.fingerprint },
    [
      acmeDraft(
        now,
        { principal: accountPrincipalId(account), door: call.door },
        'acme.account.key-changed',
        'allowed',
        { from: account.keyFingerprint, to: key.fingerprint },
      ),
    ],
  );
  // RFC 8555 7.3.5: also where it is this account's own key already
  if (after.id !== account.id || account.keyFingerprint === key.fingerprint)
    throw new AcmeProblem('malformed', {
      detail: 'the new key is that of an account of this directory already (RFC 8555 7.3.5)',
      status: 409,
      location: accountUrl(ports, after),
    });
  return { status: 200, body: {}, location: accountUrl(ports, after) };
}

function readNewKey(ports: AcmePorts, request: AccountRequest): JwsKey {
  const inner = readFlattenedJws(requirePayload(request));
  if ('fault' in inner) throw broken(inner.fault);
  const { header } = inner;
  if (!isObject(header['jwk']) || Object.hasOwn(header, 'kid'))
    throw broken('its header has no jwk, or a kid');
  if (Object.hasOwn(header, 'nonce')) throw broken('its header has a nonce');
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    throw broken('its header has crit or b64');
  if (header['url'] !== request.call.url) throw broken('its url is not that of the outer JWS');
  const key = readJwsKey(header['jwk']);
  if ('fault' in key) throw new AcmeProblem('badPublicKey', `the new key is not taken: ${key.fault}`);
  if (header['alg'] !== key.algorithm)
    throw new AcmeProblem('badSignatureAlgorithm', {
      detail: `the inner JWS is not signed with ${key.algorithm}`,
      algorithms: [key.algorithm],
    });
  if (!verifyWithJwsKey(key, inner.signingInput, inner.signature))
    throw broken('its signature does not verify');
  const payload = parseStrictJson(inner.payload);
  if (!isObject(payload)) throw broken('its payload is not an object');
  if (payload['account'] !== accountUrl(ports, request.account))
    throw broken('its account is not that of the outer JWS');
  const old = readJwsKey(payload['oldKey']);
  if ('fault' in old || old.jwk !== request.key.jwk) throw broken('its oldKey is not the key of the account');
  return key;
}

const broken = (fault: string): AcmeProblem => malformed(`the inner JWS: ${fault} (RFC 8555 7.3.5)`);
