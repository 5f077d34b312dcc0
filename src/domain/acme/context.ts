/** What every operation of the ACME server works with, and how a request and an answer look without HTTP. */
import type { Duration, Instant } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Rate } from '../../base/rate.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { Door, ExternalAccount, Principal } from '../identity/principal.ts';
import type { SecretBox } from '../issuance/ports.ts';
import type { IssuancePorts } from '../issuance/request.ts';
import type { AcmeAccount } from './account.ts';
import type { Vouches } from './authorization.ts';
import { isAlive, patternsOf } from './external-key.ts';
import type { Nonces } from './nonces.ts';
import type { AcmeStore, Revoker } from './ports.ts';
import type { CaaCheck, ChallengeProbe } from './validation-port.ts';

/** What an issuer's directory says and asks for. */
export interface DirectoryPolicy {
  readonly issuer: string;
  /** Those of the issuer; the first is the default. */
  readonly profiles: readonly string[];
  /** Whether accounts are made with an external key (RFC 8555 7.3.4). */
  readonly externalKeys: 'off' | 'optional' | 'required';
  readonly terms?: string | undefined;
  /** Who agreed to the terms before then has to agree again. */
  readonly termsSince?: Instant | undefined;
  readonly website?: string | undefined;
  readonly caaIdentities: readonly string[];
}

/** What counts, and how often; what is left out is not counted. */
export interface RateLimits {
  readonly ordersPerAccount?: Rate | undefined;
  readonly ordersPerName?: Rate | undefined;
  readonly accountsPerAddress?: Rate | undefined;
  /** For exactly the same names, by one account. */
  readonly certificatesPerNames?: Rate | undefined;
  /** Failed validations of a name by one account. */
  readonly failuresPerName?: Rate | undefined;
}

export interface AcmePorts {
  readonly issuance: IssuancePorts;
  readonly store: AcmeStore;
  readonly nonces: Nonces;
  readonly probe: ChallengeProbe;
  readonly caa: CaaCheck;
  readonly secrets: SecretBox;
  readonly revoker: Revoker;
  readonly log: Log;
  /** Resolves after so many milliseconds; rejects when the signal is aborted. */
  readonly wait: (duration: Duration, signal: AbortSignal) => Promise<void>;
  /** By the name of the issuer. */
  readonly directories: ReadonlyMap<string, DirectoryPolicy>;
  /** `https://ca.example.test:8443/acme`: what clients sign, never the Host that they sent. */
  readonly url: string;
  /** DER of a generation's certificate and of its root's. */
  readonly chain: (generation: string) => { readonly issuer: Bytes; readonly root: Bytes } | undefined;
  /** `undefined`: nothing is counted. */
  readonly limits: RateLimits | undefined;
}

/** A request for `<url>/<issuer>/<resource>[/<id>[/<part>]]`. */
export interface AcmeCall {
  readonly directory: DirectoryPolicy;
  readonly resource: string;
  readonly id: string | undefined;
  readonly part: string | undefined;
  /** The whole URL, as the server itself writes it. */
  readonly url: string;
  readonly body: string;
  readonly door: Door;
}

export interface AcmeReply {
  readonly status: number;
  /** JSON when `type` is left out. */
  readonly body?: object | string | undefined;
  readonly type?: string | undefined;
  readonly location?: string | undefined;
  /** URLs with their relations. */
  readonly links?: readonly { readonly url: string; readonly relation: string }[];
  /** Seconds. */
  readonly retryAfter?: number | undefined;
}

/** URLs of a directory's resources. */
export const resourceUrl = (
  { url }: Pick<AcmePorts, 'url'>,
  issuer: string,
  ...path: readonly string[]
): string => `${url}/${issuer}/${path.join('/')}`;

export const accountUrl = (ports: Pick<AcmePorts, 'url'>, { issuer, id }: AcmeAccount): string =>
  resourceUrl(ports, issuer, 'account', id);

/** Whether external account keys still stand for their names. */
export const vouching =
  ({ store }: Pick<AcmePorts, 'store'>, now: Instant): Vouches =>
  (id) => {
    const key = store.externalKeys.find(id);
    return key !== undefined && isAlive(key, now);
  };

/** The account as the pipeline knows it. */
export function principalOf({ store }: Pick<AcmePorts, 'store'>, account: AcmeAccount): Principal {
  const { issuer, id, externalKey } = account;
  if (externalKey === null) return { kind: 'acme', issuer, account: id };
  // who deleted the key from the store has left its accounts nothing
  const names = store.externalKeys.find(externalKey)?.names;
  const external: ExternalAccount = {
    id: externalKey,
    names: names === undefined ? [] : names === null ? null : patternsOf(names),
  };
  return { kind: 'acme', issuer, account: id, externalKey: external };
}
