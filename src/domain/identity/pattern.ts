/**
 * Patterns of grants. `*` is one DNS label or path segment, `**` is one or more of them, at most once in a pattern.
 * A pattern is compared segment by segment, never as text: `*.example.test` is not `evil-example.test`.
 * The same comparison answers whether one pattern contains another, for `*` and `**` of the inner one are matched
 * only by wildcards that are at least as wide.
 */
import { ChanceryError } from '../../base/errors.ts';
import { type IpRange, ipInRange, parseIp, parseIpRange, rangeInRange } from '../../x509/ip.ts';
import type { Name } from './names.ts';
import { dnsNameFault, toLowerAscii } from './names.ts';
import { spiffeIdFault } from './spiffe-id.ts';

export type NamePattern =
  /** One name as it is: a wildcard in it is a character like others. */
  | { readonly kind: Name['kind']; readonly text: string; readonly exact: true }
  | { readonly kind: 'uri' | 'dns' | 'email'; readonly text: string; readonly segments: readonly string[] }
  | { readonly kind: 'ip'; readonly text: string; readonly range: IpRange };

/** Whether `segments` (a value's or an inner pattern's) lie within the pattern. */
export function segmentsMatch(pattern: readonly string[], segments: readonly string[]): boolean {
  const deep = pattern.indexOf('**');
  const one = (expected: string | undefined, actual: string | undefined): boolean =>
    actual !== undefined && (expected === '*' ? actual !== '**' && actual !== '' : expected === actual);
  if (deep === -1)
    return pattern.length === segments.length && pattern.every((part, i) => one(part, segments[i]));
  const tail = pattern.slice(deep + 1);
  if (segments.length < pattern.length) return false;
  return (
    pattern.slice(0, deep).every((part, i) => one(part, segments[i])) &&
    tail.every((part, i) => one(part, segments[segments.length - tail.length + i]))
  );
}

/** The segments of a value or pattern: labels of a DNS name, trust domain and path of a URI, local part and labels of an e-mail address. */
function split(kind: 'uri' | 'dns' | 'email', text: string): string[] {
  if (text === '**') return ['**'];
  switch (kind) {
    case 'dns':
      return text.split('.');
    case 'uri':
      return text.replace(/^spiffe:\/\//, '').split('/');
    case 'email': {
      const at = text.lastIndexOf('@');
      return [text.slice(0, at), ...text.slice(at + 1).split('.')];
    }
  }
}

const invalid = (kind: string, text: string, fault: string): ChanceryError =>
  new ChanceryError('invalid_name', {
    message: `${JSON.stringify(text.slice(0, 120))} is no ${kind} pattern: ${fault}`,
    rule: '"*" stands for one whole label or segment, "**" for one or more, at most once',
    fix: 'Write e.g. **.example.test, spiffe://example.test/ns/*, 10.0.0.0/8.',
  });

export function parsePattern(kind: Name['kind'], text: string): NamePattern {
  if (kind === 'ip') {
    const range = parseIpRange(text);
    if (range === undefined)
      throw invalid(kind, text, 'it is neither an address nor a CIDR range without host bits');
    return { kind, text, range };
  }
  const lower = kind === 'dns' ? toLowerAscii(text) : text;
  const segments = split(kind, lower);
  if (segments.filter((segment) => segment === '**').length > 1)
    throw invalid(kind, text, '"**" stands there twice');
  if (segments.some((segment) => segment.includes('*') && segment !== '*' && segment !== '**'))
    throw invalid(kind, text, 'a wildcard is a whole label or segment');
  if (kind === 'email' && segments.length > 1 && segments[0] === '**')
    throw invalid(kind, text, 'a local part is one segment: "*"');
  // with letters in the place of the wildcards it has to be a proper name of its kind
  const sample =
    segments.length === 1 && lower === '**' ? undefined : lower.replace(/(^|[./@])\*\*?(?=$|[./@])/g, '$1x');
  const fault = sample === undefined ? undefined : sampleFault(kind, sample);
  if (fault !== undefined) throw invalid(kind, text, fault);
  return { kind, text: lower, segments };
}

function sampleFault(kind: 'uri' | 'dns' | 'email', sample: string): string | undefined {
  if (kind === 'uri') return spiffeIdFault(sample)?.message;
  if (kind === 'dns') return dnsNameFault(sample);
  return /^[^@]+@[^@]+$/.test(sample)
    ? dnsNameFault(sample.slice(sample.indexOf('@') + 1))
    : 'it is not local-part@host';
}

/** The pattern that only this name matches. */
export const exactPattern = ({ kind, value }: Name): NamePattern => ({ kind, text: value, exact: true });

export function nameMatches(pattern: NamePattern, name: Name): boolean {
  if (pattern.kind !== name.kind) return false;
  if ('exact' in pattern) return pattern.text === name.value;
  if (pattern.kind === 'ip') {
    const ip = parseIp(name.value);
    return ip !== undefined && ipInRange(ip, pattern.range);
  }
  return segmentsMatch(pattern.segments, split(pattern.kind, name.value));
}

/** Whether every name that `inner` matches is matched by `outer`. */
export function patternContains(outer: NamePattern, inner: NamePattern): boolean {
  if ('exact' in inner) return nameMatches(outer, { kind: inner.kind, value: inner.text });
  if ('exact' in outer) return false;
  if (outer.kind === 'ip') return inner.kind === 'ip' && rangeInRange(inner.range, outer.range);
  return inner.kind === outer.kind && segmentsMatch(outer.segments, inner.segments);
}

/**
 * Patterns over principal ids: `acme:**`, `mtls:clients:spiffe://example.test/ops/*`, `mtls:*:dns:**.example.test`.
 * The parts before the subject are compared as they are, with `*` for any one; a `**` at any place takes all the rest.
 *
 * The subject of a JWT is what its provider makes of it, e.g. `repo:org/app:ref:refs/heads/main`. It is taken apart at
 * `:` and at `/`, and which of the two stands between two parts counts: `jwt:github:repo:org/*:**` has any one
 * repository of org, and `repo/org:app` is another subject than `repo:org/app`.
 */
export type PrincipalPattern = { readonly text: string; readonly segments: readonly string[] };

const KINDS = ['mtls', 'token', 'jwt', 'acme', 'workload'];

export function parsePrincipalPattern(text: string): PrincipalPattern {
  const segments = principalSegments(text);
  // a JWT's subject may have empty parts: spiffe://…, arn:aws:iam::…
  const mayHaveEmpty = segments[0] === 'jwt' && segments.length > 3;
  const bad = segments.find(
    (segment, i) =>
      (segment === '' && !(mayHaveEmpty && i > 1)) ||
      (segment.includes('*') && segment !== '*' && segment !== '**'),
  );
  if (bad !== undefined || segments.filter((segment) => segment === '**').length > 1)
    throw invalid(
      'principal',
      text,
      bad === undefined ? '"**" stands there twice' : `the part ${JSON.stringify(bad)} is no whole part`,
    );
  if (!KINDS.includes(segments[0] ?? '') || segments.length < 2)
    throw invalid('principal', text, `it starts with none of ${KINDS.map((kind) => `${kind}:`).join(', ')}`);
  return { text, segments };
}

/**
 * `mtls:clients:spiffe://td/a/b` → mtls, clients, spiffe, td, a, b; `mtls:clients:dns:a.b` → mtls, clients, dns, a, b;
 * `acme:servers:eab:k1` → acme, servers, eab, k1; `jwt:ci:repo:org/app` → jwt, ci, repo, ":", org, "/", app.
 */
function principalSegments(id: string): string[] {
  const [kind = '', ...rest] = id.split(':');
  if (kind === 'jwt') {
    const [provider = '', ...subject] = rest;
    return [kind, provider, ...(subject.length === 0 ? [] : subject.join(':').split(/([:/])/))];
  }
  if (kind === 'acme') return [kind, ...rest.join(':').split(/[:/]/)];
  if (kind !== 'mtls') return [kind, ...rest.join(':').split('/')];
  const [issuer = '', ...subject] = rest;
  const text = subject.join(':');
  if (text === '') return issuer === '**' ? [kind, issuer] : [kind, issuer, ''];
  if (text === '**') return [kind, issuer, text];
  if (text.startsWith('spiffe://')) return [kind, issuer, 'spiffe', ...text.slice(9).split('/')];
  const [type = '', ...value] = text.split(':');
  const name = value.join(':');
  return [kind, issuer, type, ...(type === 'dns' ? name.split('.') : [name])];
}

export const principalMatches = (pattern: PrincipalPattern, id: string): boolean =>
  segmentsMatch(pattern.segments, principalSegments(id));

export const principalPatternContains = (outer: PrincipalPattern, inner: PrincipalPattern): boolean =>
  segmentsMatch(outer.segments, inner.segments);
