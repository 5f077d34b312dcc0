/**
 * Building certification paths from a leaf to an anchor, within bounds. Each path is validated whole; where one fails
 * the search goes on, and the failure of the most promising one is what is reported.
 */
import type { Instant } from '../../base/clock.ts';
import { type Bytes, equal, sha256, toHex } from '../../x509/bytes.ts';
import { formatName } from '../../x509/name.ts';
import { findSignatureAlgorithm, signatureAlgorithmName, verifySignature } from '../../x509/signature.ts';
import { Candidate } from './candidate.ts';
import { ALGORITHM_RULE, KEY_RULE } from './certificate-rules.ts';
import { Crl } from './crl.ts';
import type { ComparisonBudget } from './name-constraints.ts';
import type { Fault, InvalidPath, PathRequest, PathResult, ValidPath } from './result.ts';
import { checkRevocation, type RevocationRules } from './revocation.ts';
import { validatePath } from './validate.ts';

/** What one search may cost, whatever it is fed. */
export const LIMITS = { signatures: 200, visits: 2000, paths: 100, intermediates: 16 } as const;

/**
 * Decides whether the leaf is to be trusted. Throws `malformed_certificate` or `malformed_der` for a leaf or CRL that
 * cannot be read; unreadable anchors and intermediates are left aside, since leaving one out can only refuse more.
 */
export function validateCertificationPath(request: PathRequest): PathResult {
  return new Search(request).run();
}

/** Progress of a path that reached an anchor: more than any that did not. */
const COMPLETE = 1000;

interface Failure extends Fault {
  readonly certificate: Candidate | undefined;
  readonly chain: readonly Candidate[];
  /** How far it came; the first of the furthest is reported. */
  readonly progress: number;
}

class Search {
  readonly #request: PathRequest;
  readonly #leaf: Candidate;
  readonly #anchors: ReadonlyMap<string, readonly Candidate[]>;
  readonly #intermediates: ReadonlyMap<string, readonly Candidate[]>;
  readonly #crls: readonly Crl[];
  readonly #verified = new Map<Candidate, Map<Candidate, boolean>>();
  readonly #budget: ComparisonBudget = { comparisons: 0 };
  #signatures = 0;
  #visits = 0;
  #paths = 0;
  #exhausted = false;
  #failure: Failure | undefined;

  constructor(request: PathRequest) {
    this.#request = request;
    this.#leaf = new Candidate(request.leaf);
    const anchors = readAll(request.anchors, []);
    this.#anchors = bySubject(anchors);
    this.#intermediates = bySubject(readAll(request.untrusted, anchors));
    this.#crls = (request.crls ?? []).map((der) => new Crl(der));
  }

  run(): PathResult {
    const found = this.#extend([this.#leaf]);
    if (found !== undefined) return found;
    const complete = this.#failure !== undefined && this.#failure.progress === COMPLETE;
    if (this.#exhausted && !complete)
      this.#failure = {
        code: 'search_limit',
        reason: `no path was found within ${LIMITS.signatures} signature checks`,
        rule: 'the search for a path is bounded',
        certificate: this.#leaf,
        chain: [this.#leaf],
        progress: 0,
      };
    return toInvalid(this.#failure);
  }

  /** `path` is leaf first. */
  #extend(path: readonly Candidate[]): ValidPath | undefined {
    const current = path.at(-1) ?? this.#leaf;
    const anchors = this.#anchors.get(current.issuerKey) ?? [];
    const intermediates = this.#intermediates.get(current.issuerKey) ?? [];
    if (anchors.length + intermediates.length === 0)
      this.#note(path, current, {
        code: 'no_path',
        reason: `its issuer ${formatName(current.certificate.issuer) || '(empty)'} is neither among the trust anchors nor among the intermediates`,
        rule: 'RFC 5280 6.1.1 (d)',
      });
    for (const anchor of this.#ranked(anchors, current)) {
      if (!this.#visit()) return undefined;
      if (!this.#isSignedBy(current, anchor, path)) continue;
      const found = this.#judge([...path, anchor]);
      if (found !== undefined) return found;
    }
    for (const issuer of this.#ranked(intermediates, current)) {
      if (!this.#visit()) return undefined;
      if (path.some((member) => isSameAuthority(member, issuer))) continue;
      if (path.length > LIMITS.intermediates) {
        this.#note(path, current, {
          code: 'path_too_long',
          reason: `no anchor within ${LIMITS.intermediates} intermediates`,
          rule: 'the search for a path is bounded',
        });
        continue;
      }
      if (!this.#isSignedBy(current, issuer, path)) continue;
      const found = this.#extend([...path, issuer]);
      if (found !== undefined) return found;
    }
    this.#note(path, current, {
      code: 'no_path',
      reason: 'no path leads from it to a trust anchor',
      rule: 'RFC 5280 6.1.1 (d)',
    });
    return undefined;
  }

  #visit(): boolean {
    if (++this.#visits <= LIMITS.visits && this.#paths < LIMITS.paths && !this.#exhausted) return true;
    this.#exhausted = true;
    return false;
  }

  /** Those that name the right key first, then those that are valid now, then CAs. */
  #ranked(candidates: readonly Candidate[], child: Candidate): readonly Candidate[] {
    if (candidates.length < 2) return candidates;
    const ranks = new Map(
      candidates.map((candidate) => [candidate, rank(candidate, child, this.#request.at)]),
    );
    return [...candidates].sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
  }

  /** RFC 5280 6.1.3 (a)(1), and a note of what stands against it. */
  #isSignedBy(child: Candidate, issuer: Candidate, path: readonly Candidate[]): boolean {
    if (this.#verifies(child, issuer)) return true;
    const { outerSignatureAlgorithm } = child.certificate;
    const name = formatName(issuer.certificate.subject);
    if ('fault' in issuer.publicKey)
      this.#note([...path, issuer], issuer, {
        code: 'unsupported_key',
        reason: issuer.publicKey.fault,
        rule: KEY_RULE,
      });
    else if (findSignatureAlgorithm(outerSignatureAlgorithm) === undefined)
      this.#note(path, child, {
        code: 'unsupported_algorithm',
        reason: `its signature algorithm ${signatureAlgorithmName(outerSignatureAlgorithm)} is not accepted`,
        rule: ALGORITHM_RULE,
      });
    else if (!this.#exhausted)
      this.#note(path, child, {
        code: 'bad_signature',
        reason: `its signature (${signatureAlgorithmName(outerSignatureAlgorithm)}) does not verify with the key of ${name}`,
        rule: 'RFC 5280 6.1.3 (a)(1)',
      });
    return false;
  }

  #verifies(child: Candidate, issuer: Candidate): boolean {
    const known = this.#verified.get(child) ?? new Map<Candidate, boolean>();
    this.#verified.set(child, known);
    const before = known.get(issuer);
    if (before !== undefined) return before;
    const { publicKey } = issuer;
    const { outerSignatureAlgorithm, tbs, signature } = child.certificate;
    if ('fault' in publicKey || findSignatureAlgorithm(outerSignatureAlgorithm) === undefined) return false;
    if (!this.#mayVerify()) return false;
    const verified = verifySignature(outerSignatureAlgorithm, tbs.raw, signature, publicKey);
    known.set(issuer, verified);
    return verified;
  }

  #mayVerify(): boolean {
    if (this.#signatures < LIMITS.signatures) {
      this.#signatures++;
      return true;
    }
    this.#exhausted = true;
    return false;
  }

  #judge(chain: readonly Candidate[]): ValidPath | undefined {
    this.#paths++;
    const path = chain.toReversed();
    const fault = validatePath(path, this.#request, this.#budget);
    if (fault !== undefined) return this.#noteComplete(chain, fault.certificate, fault);
    const revocation = checkRevocation(path, this.#revocationRules());
    if ('fault' in revocation)
      return this.#noteComplete(chain, revocation.fault.certificate, revocation.fault);
    return {
      valid: true,
      chain: chain.map(({ certificate }) => certificate),
      revocation: revocation.statuses.toReversed(),
    };
  }

  #revocationRules(): RevocationRules {
    const { at, revocation = 'given' } = this.#request;
    return {
      crls: this.#crls,
      mode: revocation,
      at,
      withSubject: (key) => [...(this.#intermediates.get(key) ?? []), ...(this.#anchors.get(key) ?? [])],
      isTrusted: (above, signer) => {
        const issuer = above.at(-1);
        return (
          issuer !== undefined &&
          this.#verifies(signer, issuer) &&
          validatePath([...above, signer], { at }, this.#budget) === undefined
        );
      },
      mayVerify: () => this.#mayVerify(),
    };
  }

  #noteComplete(chain: readonly Candidate[], certificate: Candidate, fault: Fault): undefined {
    this.#keep({ ...plain(fault), certificate, chain, progress: COMPLETE });
    return undefined;
  }

  #note(chain: readonly Candidate[], certificate: Candidate, fault: Fault): void {
    this.#keep({ ...plain(fault), certificate, chain, progress: chain.length });
  }

  #keep(failure: Failure): void {
    if (this.#failure === undefined || failure.progress > this.#failure.progress) this.#failure = failure;
  }
}

const plain = ({ code, reason, rule }: Fault): Fault => ({ code, reason, rule });

function readAll(ders: readonly Bytes[], except: readonly Candidate[]): Candidate[] {
  const seen = new Map<string, Candidate>();
  const taken = new Set(except.map(octetKey));
  for (const der of ders) {
    const candidate = Candidate.tryRead(der);
    if (candidate !== undefined && !taken.has(octetKey(candidate))) seen.set(octetKey(candidate), candidate);
  }
  return [...seen.values()];
}

const octetKey = ({ certificate }: Candidate): string => toHex(sha256(certificate.raw));

function bySubject(candidates: readonly Candidate[]): Map<string, Candidate[]> {
  const map = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const known = map.get(candidate.subjectKey);
    if (known === undefined) map.set(candidate.subjectKey, [candidate]);
    else known.push(candidate);
  }
  return map;
}

function rank(issuer: Candidate, child: Candidate, at: Instant): number {
  const wanted = child.decoded.authorityKeyIdentifier;
  const own = issuer.decoded.subjectKeyIdentifier;
  const { notBefore, notAfter } = issuer.certificate;
  const otherKey = wanted !== undefined && (own === undefined || !equal(wanted, own));
  return (otherKey ? 4 : 0) + (notBefore > at || notAfter < at ? 2 : 0) + (issuer.isCa ? 0 : 1);
}

/** The same name with the same key: going through it twice is a loop. */
const isSameAuthority = (a: Candidate, b: Candidate): boolean =>
  a.subjectKey === b.subjectKey && equal(a.certificate.spki, b.certificate.spki);

function toInvalid(failure: Failure | undefined): InvalidPath {
  if (failure === undefined) throw new Error('a search ended without a path and without a failure');
  const { code, reason, rule, certificate, chain } = failure;
  return {
    valid: false,
    code,
    reason,
    rule,
    certificate: certificate?.certificate,
    chain: chain.map((candidate) => candidate.certificate),
  };
}
