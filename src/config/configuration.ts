/** The configuration as programs see it: checked, parsed and frozen. Durations are milliseconds, paths absolute. */
import type { Duration, Instant } from '../base/clock.ts';
import type { RateLimits } from '../domain/acme/context.ts';
import type { Grant } from '../domain/identity/grant.ts';
import type { JwtRules } from '../domain/identity/jwt.ts';
import type { TrustDomain } from '../domain/identity/spiffe-id.ts';
import type { IssuerPolicy } from '../domain/issuance/issuer.ts';
import type { Profile } from '../domain/issuance/profile.ts';
import type { IpRange } from '../x509/ip.ts';

/** Where a listener binds. */
export interface ListenAddress {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Only this host can reach it. */
  readonly loopback: boolean;
  /** Nobody chose it: a taken port may move to a free one. */
  readonly isDefault: boolean;
}

export type ListenerName = 'https' | 'status' | 'metrics';

export interface ExternalUrl {
  /** Without a trailing slash. */
  readonly url: string;
  /** It was made from the listener's address and moves with its port. */
  readonly isDefault: boolean;
}

/** Where a secret is; never the secret. */
export type SecretReference =
  | { readonly kind: 'file'; readonly file: string }
  /** `file` is absent where the environment has no CREDENTIALS_DIRECTORY. */
  | { readonly kind: 'credential'; readonly name: string; readonly file: string | undefined };

/** A bucket of S3, or of what speaks its protocol. */
export interface Bucket {
  readonly bucket: string;
  readonly region: string;
  /** Empty, or ended by a slash. */
  readonly prefix: string;
  readonly endpoint: string | undefined;
  /** PEM file with the roots to trust for the endpoint, absolute; `undefined`: the public ones. */
  readonly ca: string | undefined;
  /** A file in the format of AWS's credentials. */
  readonly credentials: SecretReference;
}

export type JournalConfiguration =
  | { readonly kind: 'folder'; /** Absolute. */ readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: Bucket };

/** A place of publication. `ocsp` is `undefined` where nobody said whether answers are signed ahead. */
export type PublicationConfiguration = { readonly ocsp: boolean | undefined } & (
  | { readonly kind: 'folder'; /** Absolute. */ readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: Bucket }
);

export interface IssuerConfiguration extends IssuerPolicy {
  readonly acme: {
    readonly enabled: boolean;
    readonly eab: 'off' | 'optional' | 'required';
    /** Instead of those of `acme`. */
    readonly terms?: string | undefined;
    readonly website?: string | undefined;
  };
}

/** Whose JWTs log in, and where its keys are. */
export interface LoginConfiguration extends JwtRules {
  readonly keys:
    | { readonly kind: 'discovery' }
    | { readonly kind: 'url'; readonly url: string }
    /** Absolute. */
    | { readonly kind: 'file'; readonly file: string };
  /** PEM file with the roots of the provider's HTTPS, absolute; `undefined`: the public ones. */
  readonly ca: string | undefined;
  /** For `chancery login`. */
  readonly client: { readonly id: string; readonly scopes: readonly string[] } | undefined;
}

export type SettingSource = 'flag' | 'environment' | 'file' | 'default' | 'derived';

/** One setting, for `server config explain`. */
export interface Setting {
  /** `listen.https` */
  readonly setting: string;
  /** As the configuration writes it. */
  readonly value: unknown;
  readonly source: SettingSource;
  /** `--config`, `CHANCERY_LISTEN_HTTPS`, `/etc/chancery.yaml:2:10`, or what it was derived from. */
  readonly origin: string | undefined;
}

/** Who is told of events. */
export interface WebhookConfiguration {
  readonly url: string;
  readonly secret: SecretReference;
  /** Beginnings of events; empty: all. */
  readonly types: readonly string[];
  /** PEM file; `undefined`: the public roots. */
  readonly ca: string | undefined;
}

export interface Configuration {
  /** The file that was read, absolute; `undefined` when everything is on its default. */
  readonly file: string | undefined;
  /** The data folder, absolute. */
  readonly data: string;
  readonly trustDomain: TrustDomain;
  readonly listen: Readonly<Record<ListenerName, ListenAddress>>;
  readonly externalUrl: { readonly https: ExternalUrl; readonly status: ExternalUrl };
  readonly database: { /** Absolute, in `<data>/db`. */ readonly sqlite: string };
  readonly issuers: readonly IssuerConfiguration[];
  /** The built-in profiles and those of the file. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Those of the file. */
  readonly grants: readonly Grant[];
  readonly logins: readonly LoginConfiguration[];
  readonly acme: {
    readonly terms: string | undefined;
    /** Who agreed before has to agree again. */
    readonly termsSince: Instant | undefined;
    readonly website: string | undefined;
    /** `undefined`: nothing is counted. */
    readonly limits: RateLimits | undefined;
    /** None: CAA is not looked at. */
    readonly caaIdentities: readonly string[];
    readonly validation: {
      readonly httpPort: number;
      readonly tlsPort: number;
      readonly resolver: { readonly host: string; readonly port: number } | undefined;
      readonly allow: readonly IpRange[];
      readonly deny: readonly IpRange[];
    };
  };
  readonly delivery: {
    readonly paths: readonly string[];
    readonly commands: ReadonlyMap<string, readonly string[]>;
  };
  readonly agent: { readonly embedded: boolean };
  /** `passphrase` is `undefined` where none is configured: then the keyring says where it is. */
  readonly keys: { readonly passphrase: SecretReference | undefined };
  readonly audit: {
    readonly headInterval: Duration;
    readonly sinks: readonly { readonly file: string; readonly required: boolean }[];
  };
  /** A second place that is told of everything before it is answered; `undefined`: there is none. */
  readonly journal: JournalConfiguration | undefined;
  readonly revocation: { readonly crlLife: Duration };
  readonly publication: readonly PublicationConfiguration[];
  readonly events: { readonly webhooks: readonly WebhookConfiguration[] };
  /** How long what is over is kept. */
  readonly retention: {
    readonly certificates: Duration;
    readonly idempotency: Duration;
    readonly tokens: Duration;
  };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' };
  /** Every setting with its source. */
  readonly settings: readonly Setting[];
  /** The same in the words of the file, with every default filled in. */
  readonly plain: Readonly<Record<string, unknown>>;
}
