/** JWTs as evidence of who calls: text → claims → key → signature → principal. */
import { readFileSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';
import { type Clock, SECOND } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { LoginConfiguration } from '../../config/index.ts';
import {
  authenticateJwt,
  checkJwt,
  chooseKey,
  type DecodedJwt,
  findProvider,
  MAX_JWT_OCTETS,
  unknownKey,
  unreadableJwt,
} from '../../domain/identity/jwt.ts';
import type { JwtAuthenticator } from '../../domain/identity/ports.ts';
import type { Principal } from '../../domain/identity/principal.ts';
import { toUtf8 } from '../../x509/bytes.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { readCompactJws, verifyJws } from '../../x509/jws.ts';
import { decodePem } from '../../x509/pem.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';
import { discoveryUrl, keySetUrl, MAX_DISCOVERY_OCTETS } from './discovery.ts';
import { fetchDocument } from './fetch.ts';
import { FileKeys } from './file-keys.ts';
import { type KeySet, MAX_KEY_SET_OCTETS, parseKeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import { RemoteKeys } from './remote-keys.ts';

/** For discovery and key set together. */
const PATIENCE = 10 * SECOND;

export interface World {
  readonly clock: Clock;
  readonly log: Log;
}

/** The providers of the configuration. Throws `invalid_configuration` for a file that is missing or cannot be used. */
export function openJwtLogins(logins: readonly LoginConfiguration[], world: World): JwtAuthenticator {
  const providers = new Map(
    logins.map((login) => [login.issuer, { ...login, source: sourceOf(login, world) }]),
  );
  return {
    async authenticate(token: string): Promise<Principal> {
      const jws = readCompactJws(token, MAX_JWT_OCTETS);
      if ('fault' in jws) throw unreadableJwt(jws.fault);
      const claims = parseStrictJson(toUtf8(jws.payload));
      if (!isObject(claims))
        throw unreadableJwt('its payload is not a JSON object in which every name stands once');
      const jwt: DecodedJwt = { header: jws.header, claims };
      const provider = findProvider(jwt, providers);
      const unverified = checkJwt(jwt, provider, world.clock.now());
      const keys = await provider.source.current();
      const key = chooseKey(keys, unverified) ?? chooseKey(await provider.source.again(keys), unverified);
      if (key === undefined) throw unknownKey(unverified, provider);
      const { algorithm } = unverified;
      const verified = verifyJws(algorithm, jws.signingInput, jws.signature, key.publicKey);
      return authenticateJwt(unverified, provider, verified);
    },
  };
}

function sourceOf(login: LoginConfiguration, { clock, log }: World): KeySource {
  const { name, keys } = login;
  const ca = login.ca === undefined ? undefined : trustFile(name, login.ca);
  if (keys.kind === 'file') {
    try {
      return new FileKeys({ name, file: keys.file, clock, log });
    } catch (cause) {
      throw unusableFile(name, keys.file, cause);
    }
  }
  return new RemoteKeys({ name, clock, log, fetch: () => fetchKeys(login, keys, ca) });
}

async function fetchKeys(
  { issuer }: LoginConfiguration,
  keys: Exclude<LoginConfiguration['keys'], { kind: 'file' }>,
  ca: string | undefined,
): Promise<KeySet> {
  const signal = AbortSignal.timeout(PATIENCE);
  const url =
    keys.kind === 'url'
      ? new URL(keys.url)
      : keySetUrl(
          await fetchDocument(discoveryUrl(issuer), { ca, signal, maxOctets: MAX_DISCOVERY_OCTETS }),
          issuer,
        );
  return parseKeySet(await fetchDocument(url, { ca, signal, maxOctets: MAX_KEY_SET_OCTETS }));
}

/** The PEM text. An empty trust file must not mean "whatever Node trusts". */
export function trustFile(name: string, file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    const certificates = decodePem(text).filter(({ label }) => label === 'CERTIFICATE');
    if (certificates.length === 0) throw new Error('it holds no certificate');
    for (const { der } of certificates) readCertificate(der);
    return text;
  } catch (cause) {
    throw unusableFile(name, file, cause);
  }
}

const unusableFile = (name: string, file: string, cause: unknown): ChanceryError =>
  new ChanceryError(
    'invalid_configuration',
    {
      message: `logins.${name}: ${file} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      rule: 'trust files are there, whole and not empty when the server starts',
      fix: 'Put the right file there.',
    },
    { cause },
  );
