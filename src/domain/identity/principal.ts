/** Who asks. Doors make principals (step 1 of the pipeline); everything after them only reads. */
import { ChanceryError } from '../../base/errors.ts';
import type { TrustDomain } from './spiffe-id.ts';
import { isReserved } from './spiffe-id.ts';
import type { Name } from './names.ts';
import type { NamePattern } from './pattern.ts';
import type { Token } from './token.ts';

/** Where a request came from, for the audit log. */
export interface Door {
  /** `rest`, `acme`, `internal`, later `workload-api`. */
  readonly name: string;
  readonly requestId: string;
  /** Remote address without port; absent inside the process. */
  readonly address?: string;
}

export type Principal =
  | {
      readonly kind: 'mtls';
      /** The issuer (not the generation) of the certificate. */
      readonly issuer: string;
      /** At least one. */
      readonly names: readonly Name[];
      readonly serial: string;
    }
  /** Whoever knew the token's secret. `spent`: nothing new is issued for it. */
  | { readonly kind: 'token'; readonly token: Token; readonly spent: boolean }
  /** Whoever a login provider of the configuration says it is, by a signed token. */
  | { readonly kind: 'jwt'; readonly provider: string; readonly subject: string }
  /** An ACME account (RFC 8555 7.1.2), at one issuer's directory. */
  | {
      readonly kind: 'acme';
      readonly issuer: string;
      readonly account: string;
      /** The external account key that the account was made with (RFC 8555 7.3.4). */
      readonly externalKey?: ExternalAccount | undefined;
    }
  | { readonly kind: 'system'; readonly name: string }
  /** Whoever calls a route that is for anybody. No grant can be for it. */
  | { readonly kind: 'anonymous' };

export interface ExternalAccount {
  readonly id: string;
  /** The only names that its accounts can get; `null`: as their grants say. */
  readonly names: readonly NamePattern[] | null;
}

/** The ids under which grants can know a principal, the most telling first: `mtls:clients:spiffe://example.test/ops/ann`. */
export function principalIds(principal: Principal): string[] {
  if (principal.kind === 'system') return [`system:${principal.name}`];
  if (principal.kind === 'token') return [`token:${principal.token.id}`];
  if (principal.kind === 'jwt') return [`jwt:${principal.provider}:${principal.subject}`];
  if (principal.kind === 'anonymous') return ['anonymous'];
  if (principal.kind === 'acme') {
    const { issuer, account, externalKey } = principal;
    const id = `acme:${issuer}:${account}`;
    return externalKey === undefined ? [id] : [id, `acme:${issuer}:eab:${externalKey.id}`];
  }
  return principal.names.map(
    ({ kind, value }) => `mtls:${principal.issuer}:${kind === 'uri' ? value : `${kind}:${value}`}`,
  );
}

/** The one id that is recorded and audited. */
export function principalId(principal: Principal): string {
  const [first] = principalIds(principal);
  if (first === undefined) throw new ChanceryError('internal', 'a principal without a name');
  return first;
}

export const systemPrincipal = (name: string): Principal => ({ kind: 'system', name });

/** Reserved principals are known to built-in grants by their exact id and matched by no pattern. */
export function isReservedPrincipal(id: string, trustDomain: TrustDomain): boolean {
  if (id.startsWith('system:')) return true;
  const subject = /^mtls:[^:]*:(spiffe:.*)$/.exec(id)?.[1];
  return subject !== undefined && isReserved(subject, trustDomain);
}
