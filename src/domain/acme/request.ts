/**
 * Who asks, and for what: the checks that every POST passes (RFC 8555 6.2 to 6.5), in one visible order. What costs
 * nothing comes first, cryptography last; a nonce is used up before the signature is looked at.
 */
import { type FlattenedJws, readFlattenedJwsText } from '../../x509/jws-json.ts';
import {
  isJwsKeyAlgorithm,
  JWS_KEY_ALGORITHMS,
  type JwsKey,
  readJwsKey,
  verifyWithJwsKey,
} from '../../x509/jws-key.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';
import type { AcmeAccount } from './account.ts';
import { type AcmeCall, type AcmePorts, resourceUrl } from './context.ts';
import { isId } from './ids.ts';
import { AcmeProblem } from './problem.ts';

/** Which key a resource takes: a new one (`jwk`), an account's (`kid`), or one or the other. */
export type KeyRule = 'jwk' | 'kid' | 'either';

export interface AcmeRequest {
  readonly call: AcmeCall;
  readonly key: JwsKey;
  /** Whose `kid` it was. */
  readonly account: AcmeAccount | undefined;
  /** `undefined` for POST-as-GET (RFC 8555 6.3). */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
}

export interface AccountRequest extends AcmeRequest {
  readonly account: AcmeAccount;
}

export const malformed = (detail: string): AcmeProblem => new AcmeProblem('malformed', detail);

type Check = (ports: AcmePorts, call: AcmeCall, jws: FlattenedJws, rule: KeyRule) => void;

const CHECKS: readonly Check[] = [refuseExtensions, checkAlgorithm, checkKeyMembers, checkUrl, takeNonce];

/** Throws an AcmeProblem. */
export function authenticate(ports: AcmePorts, call: AcmeCall, rule: KeyRule): AcmeRequest {
  const jws = readFlattenedJwsText(call.body);
  if ('fault' in jws) throw malformed(`the body is no JWS: ${jws.fault} (RFC 8555 6.2)`);
  for (const check of CHECKS) check(ports, call, jws, rule);
  const { key, account } = findKey(ports, call, jws);
  if (key.algorithm !== jws.header['alg'])
    throw badAlgorithm(`alg is not ${key.algorithm}, what a key of this type signs with`);
  if (!verifyWithJwsKey(key, jws.signingInput, jws.signature))
    throw malformed('the signature of the JWS does not verify (RFC 8555 6.2)');
  if (account !== undefined && account.deactivatedAt !== null) throw accountDeactivated();
  return { call, key, account, payload: readPayload(jws.payload) };
}

/** RFC 8555 7.3.6 asks for another status than that of the type. */
export const accountDeactivated = (): AcmeProblem =>
  new AcmeProblem('unauthorized', { detail: 'the account is deactivated (RFC 8555 7.3.6)', status: 401 });

/** RFC 7515 4.1.11: none of these is known here; RFC 8555 6.2: the header has no other member that names a key. */
function refuseExtensions(_ports: AcmePorts, _call: AcmeCall, { header }: FlattenedJws): void {
  const known = ['crit', 'b64', 'zip', 'enc', 'x5c', 'x5u', 'jku'].find((member) =>
    Object.hasOwn(header, member),
  );
  if (known !== undefined) throw malformed(`the protected header has ${known} (RFC 8555 6.2)`);
}

function checkAlgorithm(_ports: AcmePorts, _call: AcmeCall, { header }: FlattenedJws): void {
  const { alg } = header as { readonly alg?: unknown };
  if (typeof alg !== 'string') throw malformed('the protected header has no alg (RFC 8555 6.2)');
  if (!isJwsKeyAlgorithm(alg)) throw badAlgorithm(`alg is ${JSON.stringify(alg.slice(0, 40))}`);
}

const badAlgorithm = (detail: string): AcmeProblem =>
  new AcmeProblem('badSignatureAlgorithm', {
    detail: `${detail}; ${JWS_KEY_ALGORITHMS.join(', ')} are accepted (RFC 8555 6.2)`,
    algorithms: JWS_KEY_ALGORITHMS,
  });

function checkKeyMembers(_ports: AcmePorts, _call: AcmeCall, { header }: FlattenedJws, rule: KeyRule): void {
  const jwk = Object.hasOwn(header, 'jwk');
  const kid = Object.hasOwn(header, 'kid');
  if (jwk === kid) throw malformed('the protected header has exactly one of jwk and kid (RFC 8555 6.2)');
  if (rule === 'kid' && !kid) throw malformed('this resource is for accounts: send kid (RFC 8555 6.2)');
  if (rule === 'jwk' && !jwk) throw malformed('this resource takes a key: send jwk (RFC 8555 6.2)');
}

/** Compared as text: what was signed is the one URL that this server gave out. */
function checkUrl(_ports: AcmePorts, { url }: AcmeCall, { header }: FlattenedJws): void {
  if (header['url'] === url) return;
  throw new AcmeProblem(
    'unauthorized',
    `the url of the JWS is not ${url}, which was asked for (RFC 8555 6.4)`,
  );
}

/** RFC 8555 6.5.1. */
const NONCE = /^[A-Za-z0-9_-]+$/;

function takeNonce({ nonces }: AcmePorts, _call: AcmeCall, { header }: FlattenedJws): void {
  const { nonce } = header as { readonly nonce?: unknown };
  if (nonce !== undefined && (typeof nonce !== 'string' || !NONCE.test(nonce)))
    throw malformed('the nonce is not written in base64url (RFC 8555 6.5.2)');
  if (nonce !== undefined && nonces.take(nonce)) return;
  throw new AcmeProblem(
    'badNonce',
    nonce !== undefined
      ? 'the nonce is not one of ours, or was used, or is too old: send it again with the one of this answer (RFC 8555 6.5)'
      : 'the protected header has no nonce (RFC 8555 6.5)',
  );
}

function findKey(
  ports: AcmePorts,
  { directory }: AcmeCall,
  { header }: FlattenedJws,
): { readonly key: JwsKey; readonly account: AcmeAccount | undefined } {
  const { jwk, kid } = header as { readonly jwk?: unknown; readonly kid?: unknown };
  if (jwk !== undefined) {
    const key = readJwsKey(jwk);
    if ('fault' in key) throw new AcmeProblem('badPublicKey', `the jwk is not taken: ${key.fault}`);
    return { key, account: undefined };
  }
  const prefix = resourceUrl(ports, directory.issuer, 'account', '');
  const id = typeof kid === 'string' && kid.startsWith(prefix) ? kid.slice(prefix.length) : '';
  const account = isId(id) ? ports.store.accounts.find(id) : undefined;
  if (account === undefined || account.issuer !== directory.issuer)
    throw new AcmeProblem('accountDoesNotExist', 'the kid is the URL of no account of this directory');
  return { key: keyOfAccount(account), account };
}

/** By canonical JWK: what a key verifies with is made once. */
const keys = new Map<string, JwsKey>();
const MOST_KEYS = 10_000;

export function keyOfAccount({ jwk }: Pick<AcmeAccount, 'jwk'>): JwsKey {
  const known = keys.get(jwk);
  if (known !== undefined) return known;
  const key = readJwsKey(JSON.parse(jwk));
  if ('fault' in key) throw new Error(`a stored account key cannot be read: ${key.fault}`);
  if (keys.size >= MOST_KEYS) keys.clear();
  keys.set(jwk, key);
  return key;
}

function readPayload(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return undefined;
  const payload = parseStrictJson(text);
  if (!isObject(payload))
    throw malformed('the payload is not a JSON object in which every name stands once (RFC 8555 6.2)');
  return payload;
}

/** RFC 8555 6.3: what is only read is read with an empty payload. */
export function requirePostAsGet({ payload }: AcmeRequest): void {
  if (payload !== undefined)
    throw malformed('this resource is only read: the payload is empty (RFC 8555 6.3)');
}

export function requirePayload({ payload }: AcmeRequest): Readonly<Record<string, unknown>> {
  if (payload === undefined) throw malformed('the payload is empty (RFC 8555 6.2)');
  return payload;
}

export function requireAccount(request: AcmeRequest): asserts request is AccountRequest {
  if (request.account === undefined)
    throw malformed('this resource is for accounts: send kid (RFC 8555 6.2)');
}

/** How audit entries know a key that has no account yet. */
export const keyPrincipalId = (issuer: string, { thumbprint }: JwsKey): string =>
  `acme:${issuer}:key:${thumbprint}`;
