/** The first operator's login: `init` makes it, `server admin recover` replaces it; both through the pipeline. */
import type { Duration, Instant } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import { type Configuration, loginIssuer } from '../config/index.ts';
import { parseName } from '../domain/identity/names.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { issue } from '../domain/issuance/issue.ts';
import { exportPkcs8, generateKeyPair } from '../x509/key-pair.ts';
import { encodePem } from '../x509/pem.ts';
import { adminId, initGrant } from './builtin-grants.ts';
import { issuancePorts } from './issuance.ts';
import type { OpenedData } from './open.ts';

export interface AdminLogin {
  readonly serial: string;
  readonly notAfter: Instant;
  /** PKCS#8, PEM. */
  readonly key: string;
  /** Leaf and issuer, PEM. */
  readonly chain: string;
}

/** With a key made here. Without `ttl` it lives as long as the profile allows. Writes no file; throws what `issue` throws. */
export async function issueAdminLogin(
  opened: OpenedData,
  config: Configuration,
  { requestId, ttl }: { readonly requestId: string; readonly ttl?: Duration },
): Promise<AdminLogin> {
  const login = requireChoice(loginIssuer(config));
  const pair = await generateKeyPair('ecdsa-p256');
  const ports = issuancePorts(opened, config, config.externalUrl.status.url, () => [
    initGrant(config.trustDomain, login),
  ]);
  const issued = await issue(ports, {
    principal: systemPrincipal('init'),
    door: { name: 'internal', requestId },
    issuer: login.issuer.name,
    profile: login.profile.name,
    proof: { makeHere: () => Promise.resolve(pair.publicKey) },
    names: [parseName('uri', adminId(config.trustDomain))],
    ttl: ttl ?? login.profile.maxTtl,
  });
  if (issued.kind !== 'issued') throw new ChanceryError('internal', 'the admin certificate was not issued');
  const { serial, notAfter, der } = issued.record;
  return {
    serial,
    notAfter,
    key: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
    chain: encodePem('CERTIFICATE', der) + encodePem('CERTIFICATE', issued.generation.certificate.raw),
  };
}

/** The configuration was checked for this when it was loaded. */
export function requireChoice<T>(choice: T | undefined): T {
  if (choice !== undefined) return choice;
  throw new ChanceryError(
    'invalid_configuration',
    'no issuer serves the listener, or none lets operators log in',
  );
}
