/** SPIFFE IDs by the grammar of the SPIFFE-ID specification (2.1–2.3), never by a URL parser. */
import type { Brand } from '../../base/brand.ts';
import { ChanceryError } from '../../base/errors.ts';

/** A trust domain name: `example.test`. */
export type TrustDomain = Brand<string, 'TrustDomain'>;
/** A whole ID with a path: `spiffe://example.test/app`. */
export type SpiffeId = Brand<string, 'SpiffeId'>;

const MAX_ID_OCTETS = 2048;
const MAX_TRUST_DOMAIN = 255;

export interface SpiffeFault {
  readonly message: string;
  readonly rule: string;
}

/** What is wrong with a trust domain name, `undefined` when nothing is. */
export function trustDomainFault(text: string): SpiffeFault | undefined {
  if (text === '') return { message: 'the trust domain is empty', rule: 'SPIFFE-ID 2.1' };
  if (text.length > MAX_TRUST_DOMAIN)
    return {
      message: `the trust domain has ${text.length} characters, at most ${MAX_TRUST_DOMAIN}`,
      rule: 'SPIFFE-ID 2.3',
    };
  const bad = /[^a-z0-9._-]/.exec(text);
  if (bad !== null)
    return {
      message: `the trust domain has the character ${JSON.stringify(bad[0])}`,
      rule: 'SPIFFE-ID 2.1: lower-case letters, digits, dots, dashes and underscores; no port, no user',
    };
  return undefined;
}

/** What is wrong with a path (with its leading slash), `undefined` when nothing is. */
function pathFault(path: string): SpiffeFault | undefined {
  if (path === '') return { message: 'the path is empty', rule: 'X509-SVID 3.1: a workload has a path' };
  if (path.endsWith('/'))
    return { message: 'the path ends with a slash', rule: 'SPIFFE-ID 2.2: no trailing slash' };
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return { message: 'the path has an empty segment', rule: 'SPIFFE-ID 2.2' };
    if (segment === '.' || segment === '..')
      return { message: `the path has the segment "${segment}"`, rule: 'SPIFFE-ID 2.2: no dot segments' };
    const bad = /[^A-Za-z0-9._-]/.exec(segment);
    if (bad !== null)
      return {
        message: `the path has the character ${JSON.stringify(bad[0])}`,
        rule: 'SPIFFE-ID 2.2: letters, digits, dots, dashes and underscores; no percent-encoding, query or fragment',
      };
  }
  return undefined;
}

const SCHEME = 'spiffe://';

/** What is wrong with a whole ID, `undefined` when nothing is. */
export function spiffeIdFault(text: string): SpiffeFault | undefined {
  if (!text.startsWith(SCHEME))
    return {
      message: 'it does not start with spiffe://',
      rule: 'SPIFFE-ID 2: the scheme is spiffe, in lower case',
    };
  // every character that may stand there is one octet, so characters count octets or the ID is bad anyway
  if (text.length > MAX_ID_OCTETS)
    return { message: `it has over ${MAX_ID_OCTETS} octets`, rule: 'SPIFFE-ID 2.3' };
  const rest = text.slice(SCHEME.length);
  const slash = rest.indexOf('/');
  return (
    trustDomainFault(slash === -1 ? rest : rest.slice(0, slash)) ??
    pathFault(slash === -1 ? '' : rest.slice(slash))
  );
}

export function parseTrustDomain(text: string): TrustDomain {
  const fault = trustDomainFault(text);
  if (fault === undefined) return text as TrustDomain;
  throw new ChanceryError('invalid_name', {
    message: `${quote(text)} is no trust domain: ${fault.message}`,
    rule: fault.rule,
    fix: 'Use a DNS-like name in lower case, e.g. example.test.',
  });
}

export function parseSpiffeId(text: string): SpiffeId {
  const fault = spiffeIdFault(text);
  if (fault === undefined) return text as SpiffeId;
  throw new ChanceryError('invalid_name', {
    message: `${quote(text)} is no SPIFFE ID: ${fault.message}`,
    rule: fault.rule,
    fix: 'Write it as spiffe://<trust domain>/<path>, e.g. spiffe://example.test/app.',
  });
}

const quote = (text: string): string => JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);

export const trustDomainOf = (id: SpiffeId): TrustDomain =>
  id.slice(SCHEME.length).split('/', 1)[0] as TrustDomain;
export const pathOf = (id: SpiffeId): string => id.slice(SCHEME.length + trustDomainOf(id).length);
export const spiffeId = (trustDomain: TrustDomain, path: string): SpiffeId =>
  parseSpiffeId(`${SCHEME}${trustDomain}${path}`);

/** Names that no pattern matches and nobody can be granted: `spiffe://<td>/chancery/…`. */
export function isReserved(uri: string, trustDomain: TrustDomain): boolean {
  const own = `${SCHEME}${trustDomain}/chancery`;
  return uri === own || uri.startsWith(`${own}/`);
}
