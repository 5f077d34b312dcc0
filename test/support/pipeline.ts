/** The whole pipeline of one server on fakes: issuers `workload`, `servers` and `clients`, one operator, one service. */
import { HOUR } from '../../src/base/clock.ts';
import { type Grant, type GrantSpec, parseGrant } from '../../src/domain/identity/grant.ts';
import { parseNames } from '../../src/domain/identity/names.ts';
import type { Door, Principal } from '../../src/domain/identity/principal.ts';
import {
  issue,
  type Issuance,
  type IssuancePorts,
  type IssuanceRequest,
} from '../../src/domain/issuance/issue.ts';
import type { CertificateRecord } from '../../src/domain/issuance/ports.ts';
import { DEFAULT_PROFILES, type Profile } from '../../src/domain/issuance/profile.ts';
import type { KeyAlgorithm } from '../../src/x509/key-pair.ts';
import { FakeClock } from '../fakes/clock.ts';
import { type Journal, MemoryIssuers, MemoryLedger, SoftwareLeafSigner } from '../fakes/issuance.ts';
import { SeededRandom } from '../fakes/random.ts';
import { type Authority, makeAuthority, TRUST_DOMAIN, URLS } from './authority.ts';
import { keyOf } from './keys.ts';
import { makeRequest } from './request.ts';

export const DOOR: Door = { name: 'rest', requestId: 'request-1', address: '192.0.2.1' };

export const service: Principal = {
  kind: 'mtls',
  issuer: 'clients',
  names: parseNames({ uri: ['spiffe://example.test/service'] }),
  serial: '0a',
};
export const SERVICE_ID = 'mtls:clients:spiffe://example.test/service';

/** The service may have everything that is not reserved, for as long as the profiles allow. */
export const GENEROUS: GrantSpec = {
  name: 'generous',
  principal: SERVICE_ID,
  verbs: ['issue', 'renew'],
  issuer: '*',
  profiles: ['*'],
  uri: ['**'],
  dns: ['**'],
  ip: ['0.0.0.0/0', '::/0'],
  email: ['**'],
};

export const grantOf = (spec: GrantSpec, fallback = 'g'): Grant =>
  parseGrant(spec, 'api', fallback, TRUST_DOMAIN);

const ISSUERS = [
  { name: 'workload', profiles: ['workload'] },
  { name: 'servers', profiles: ['server'] },
  { name: 'clients', profiles: ['client'] },
];

export interface Pipeline {
  readonly ports: IssuancePorts;
  readonly journal: Journal;
  readonly ledger: MemoryLedger;
  readonly clock: FakeClock;
  readonly signer: SoftwareLeafSigner;
  readonly issuers: MemoryIssuers;
  readonly authorities: ReadonlyMap<string, Authority>;
  readonly issue: (request: Partial<IssuanceRequest>) => Promise<Issuance>;
}

export interface PipelineOptions {
  readonly grants?: readonly GrantSpec[];
  readonly profiles?: Readonly<Record<string, Profile>>;
  readonly algorithm?: KeyAlgorithm;
  readonly issuerLife?: number;
}

export async function makePipeline(options: PipelineOptions = {}): Promise<Pipeline> {
  const {
    grants = [GENEROUS],
    profiles = DEFAULT_PROFILES,
    algorithm = 'ecdsa-p256',
    issuerLife = 8760 * HOUR,
  } = options;
  const clock = new FakeClock();
  const journal: Journal = [];
  const authorities = new Map<string, Authority>();
  for (const { name } of ISSUERS)
    authorities.set(
      name,
      await makeAuthority({ issuer: name, algorithm, now: clock.now(), life: issuerLife }),
    );
  const all = [...authorities.values()];
  const ledger = new MemoryLedger(journal);
  const signer = new SoftwareLeafSigner(
    all.map(({ generation, issuerKey }) => [generation.keyId, issuerKey] as const),
    journal,
  );
  const issuers = new MemoryIssuers(
    ISSUERS.map(({ name, profiles: served }) => ({
      policy: { name, root: 'internal', profiles: served, authenticates: name !== 'servers' },
      current: authorities.get(name)?.generation,
    })),
    journal,
  );
  const parsed = grants.map((spec, i) => grantOf(spec, `grant-${i}`));
  const ports: IssuancePorts = {
    clock,
    random: new SeededRandom(),
    trustDomain: TRUST_DOMAIN,
    urls: URLS,
    profiles: new Map(Object.entries(profiles)),
    grants: () => parsed,
    issuers,
    signer,
    ledger,
    guard: () => undefined,
  };
  const standard: IssuanceRequest = {
    principal: service,
    door: DOOR,
    profile: 'workload',
    proof: { csr: makeRequest(await keyOf('ecdsa-p256')) },
    names: parseNames({ uri: ['spiffe://example.test/app'] }),
  };
  return {
    ports,
    journal,
    ledger,
    clock,
    signer,
    issuers,
    authorities,
    issue: (request) => issue(ports, { ...standard, ...request }),
  };
}

/** The record of what was issued; anything else fails the test. */
export function issued(issuance: Issuance): CertificateRecord {
  if (issuance.kind !== 'issued')
    throw new Error(`nothing was issued, another request has ${issuance.serial}`);
  return issuance.record;
}
