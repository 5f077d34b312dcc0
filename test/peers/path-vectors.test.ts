/**
 * Other people's certification paths: NIST's PKITS and C2SP's x509-limbo. None that must be refused is accepted, and
 * every refusal of one that should pass is listed here with its reason.
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import type { ExpectedName, PathRequest, PolicyInputs } from '../../src/domain/path/result.ts';
import { validateCertificationPath } from '../../src/domain/path/search.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import { readCertificateList } from '../../src/x509/crl.ts';
import { decodePem } from '../../src/x509/pem.ts';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'chancery-peers');

/** `valid`, or the code of the refusal; a leaf or a CRL that cannot be read is a refusal too. */
function judge(request: PathRequest): string {
  try {
    const result = validateCertificationPath(request);
    return result.valid ? 'valid' : result.code;
  } catch (error) {
    if (isChanceryError(error)) return error.code;
    throw error;
  }
}

describe('PKITS (NIST, 2011)', () => {
  const ENVIRONMENT: Omit<PathRequest, 'leaf' | 'untrusted' | 'anchors'> = {
    at: Date.UTC(2026, 0, 1),
    revocation: 'required',
  };
  let folder = '';
  let request: Omit<PathRequest, 'leaf'>;

  beforeAll(() => {
    // an absent judge proves nothing: without it this fails
    const [found] = globSync(
      join(CACHE, 'python/lib/python3*/site-packages/cryptography_vectors/x509/PKITS_data'),
    );
    if (found === undefined)
      throw new Error('PKITS is not there: npm run test:peers brings cryptography-vectors');
    folder = found;
    const read = (kind: 'certs' | 'crls'): [string, Buffer][] =>
      readdirSync(join(found, kind)).map((name) => [name, readFileSync(join(found, kind, name))]);
    const authorities = read('certs').filter(([name]) => !name.endsWith('EE.crt'));
    const isAnchor = ([name]: [string, Buffer]): boolean => name.startsWith('TrustAnchor');
    request = {
      ...ENVIRONMENT,
      anchors: authorities.filter(isAnchor).map(([, der]) => der),
      // everything at once, as from a directory: the right path has to be found among 180 CAs
      untrusted: authorities.filter((file) => !isAnchor(file)).map(([, der]) => der),
      crls: read('crls').flatMap(([, der]) => (isReadable(der) ? [der] : [])),
    };
  });

  const judgeTest = (name: string, policies?: PolicyInputs): string =>
    judge({ ...request, leaf: readFileSync(join(folder, 'certs', `${name}EE.crt`)), policies });

  test('none that is invalid is accepted, and what is valid is refused for a reason that we stand by', () => {
    const names = readdirSync(join(folder, 'certs')).flatMap((name) =>
      name.endsWith('EE.crt') ? [name.slice(0, -6)] : [],
    );
    expect(names).toHaveLength(223);
    const accepted = names.filter((name) => !isValid(name) && judgeTest(name) === 'valid');
    expect(accepted).toEqual([]);
    const refused = names.filter(isValid).flatMap((name) => {
      const answer = judgeTest(name);
      return answer === 'valid' ? [] : [[name, answer]];
    });
    expect(Object.fromEntries(refused)).toEqual(REFUSED_ON_PURPOSE);
  });

  test.each(policyCases())('%s under %j: %s', (name, policies, expected) => {
    expect(judgeTest(name, policies)).toBe(expected);
  });
});

const isReadable = (crl: Bytes): boolean => {
  try {
    readCertificateList(crl);
    return true;
  } catch {
    return false;
  }
};

/** Names say what to expect, but for those of section 4.8 (and 4.12.3), which depend on the inputs. */
const isValid = (name: string): boolean =>
  /^(Valid|Invalid)/.test(name) ? name.startsWith('Valid') : !INVALID_POLICIES.has(name);

const INVALID_POLICIES: ReadonlySet<string> = new Set(
  [4, 5, 7, 8, 9, 12].map((n) => `DifferentPoliciesTest${n}`),
);

const REFUSED_ON_PURPOSE: Readonly<Record<string, string>> = {
  // DSA is not accepted
  ValidDSASignaturesTest4: 'unsupported_key',
  ValidDSAParameterInheritanceTest5: 'unsupported_key',
  // indirect CRLs are not accepted
  ValidIDPwithindirectCRLTest22: 'crl_unusable',
  ValidIDPwithindirectCRLTest24: 'crl_unusable',
  ValidIDPwithindirectCRLTest25: 'crl_unusable',
  ValidcRLIssuerTest28: 'crl_scope',
  ValidcRLIssuerTest29: 'crl_scope',
  ValidcRLIssuerTest30: 'crl_unusable',
  ValidcRLIssuerTest33: 'crl_unusable',
};

function policyCases(): [name: string, policies: PolicyInputs, expected: string][] {
  const initial = (...numbers: number[]): PolicyInputs => ({
    requireExplicit: true,
    initial: numbers.map((n) => `2.16.840.1.101.3.2.1.48.${n}`),
  });
  const explicit: PolicyInputs = { requireExplicit: true };
  const same = [1, 2, 3].map((n): [string, PolicyInputs, string] => [
    'AllCertificatesSamePoliciesTest13',
    initial(n),
    'valid',
  ]);
  return [
    ['ValidCertificatePathTest1', explicit, 'valid'],
    ['ValidCertificatePathTest1', initial(1), 'valid'],
    ['ValidCertificatePathTest1', initial(2), 'policy'],
    ['ValidCertificatePathTest1', initial(1, 2), 'valid'],
    ['AllCertificatesNoPoliciesTest2', explicit, 'policy'],
    ['DifferentPoliciesTest3', explicit, 'policy'],
    ['DifferentPoliciesTest3', initial(1, 2), 'policy'],
    ['OverlappingPoliciesTest6', initial(1), 'valid'],
    ['OverlappingPoliciesTest6', initial(2), 'policy'],
    ['AllCertificatesSamePoliciesTest10', initial(1), 'valid'],
    ['AllCertificatesSamePoliciesTest10', initial(2), 'valid'],
    ['AllCertificatesanyPolicyTest11', initial(1), 'valid'],
    ...same,
    ['AnyPolicyTest14', initial(1), 'valid'],
    ['AnyPolicyTest14', initial(2), 'policy'],
    ['UserNoticeQualifierTest18', initial(1), 'valid'],
    ['UserNoticeQualifierTest18', initial(2), 'valid'],
    ['ValidPolicyMappingTest1', initial(1), 'valid'],
    ['ValidPolicyMappingTest1', initial(2), 'policy'],
    ['ValidPolicyMappingTest1', { ...explicit, inhibitMapping: true }, 'policy'],
    ['ValidPolicyMappingTest3', initial(1), 'policy'],
    ['ValidPolicyMappingTest3', initial(2), 'valid'],
    ['ValidPolicyMappingTest5', initial(1), 'valid'],
    ['ValidPolicyMappingTest5', initial(6), 'policy'],
    ['ValidPolicyMappingTest6', initial(1), 'valid'],
    ['ValidPolicyMappingTest6', initial(6), 'policy'],
    ['ValidPolicyMappingTest12', initial(1), 'valid'],
    ['ValidPolicyMappingTest12', initial(2), 'valid'],
    ['inhibitAnyPolicyTest3', { ...explicit, inhibitAny: true }, 'policy'],
  ];
}

interface LimboCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly validation_time: string | null;
  readonly extended_key_usage: readonly string[];
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: LimboName | null;
  readonly expected_peer_names: readonly LimboName[];
  readonly max_chain_depth: number | null;
  readonly crls: readonly string[];
}

interface LimboName {
  readonly kind: 'DNS' | 'IP' | 'RFC822';
  readonly value: string;
}

/** No registry has it: limbo.json is in the repository C2SP/x509-limbo. */
const LIMBO = process.env['CHANCERY_LIMBO'] ?? join(CACHE, 'limbo.json');
if (process.env['CHANCERY_LIMBO'] !== undefined && !existsSync(LIMBO))
  throw new Error(`${LIMBO} (CHANCERY_LIMBO) is not there`);

describe.runIf(existsSync(LIMBO))('x509-limbo (C2SP)', () => {
  const all = existsSync(LIMBO)
    ? (JSON.parse(readFileSync(LIMBO, 'utf8')) as { testcases: LimboCase[] }).testcases
    : [];
  // BetterTLS's thousands of cases are about TLS stacks of their time and not among those that we answer for
  const cases = all.filter(({ id }) => !id.startsWith('bettertls::'));

  test('none that must fail is accepted, asked as each is meant', () => {
    expect(cases.length).toBeGreaterThan(200);
    expect(mistakes(isStrict)).toEqual({
      // the same chain must fail under rfc5280::nc, whose word counts
      'webpki::nc::permitted-dns-match-noncritical': 'wrong_criticality',
    });
  });

  test('none that must fail is accepted for a purpose', () => {
    expect(mistakes(() => true)).toEqual({
      'webpki::nc::permitted-dns-match-noncritical': 'wrong_criticality',
      // the TLS profile refuses what RFC 5280 lets pass, as webpki::ca-as-leaf, webpki::eku::ee-without-eku and
      // rfc5280::aki::cross-signed-root-missing-aki want it
      'rfc5280::ca-as-leaf': 'tls_profile',
      'rfc5280::eku::ee-without-eku': 'extended_key_usage',
      'pathlen::validation-ignores-pathlen-in-leaf': 'tls_profile',
      'cve::cve-2024-0567': 'tls_profile',
    });
  });

  test('without a purpose none is accepted but where a profile beyond RFC 5280 is meant', () => {
    const accepted = Object.entries(mistakes(() => false)).flatMap(([id, answer]) =>
      answer === 'valid' ? [id] : [],
    );
    const beyond = new Set(cases.filter((asked) => isStrict(asked)).map(({ id }) => id));
    expect(accepted.filter((id) => !beyond.has(id))).toEqual([]);
  });

  test('each ends within half a second', () => {
    for (const asked of cases) {
      const before = performance.now();
      judgeCase(asked, isStrict(asked));
      expect(performance.now() - before, asked.id).toBeLessThan(500);
    }
  });

  /** Cases that are answered otherwise than expected, with our answer. */
  function mistakes(strict: (asked: LimboCase) => boolean): Record<string, string> {
    const answers = cases.map((asked) => [asked, judgeCase(asked, strict(asked))] as const);
    const wrong = answers.filter(
      ([{ expected_result }, answer]) => (answer === 'valid') !== (expected_result === 'SUCCESS'),
    );
    return Object.fromEntries(wrong.map(([{ id }, answer]) => [id, answer]));
  }
});

const isStrict = ({ id, extended_key_usage, features }: LimboCase): boolean =>
  /^(webpki|online|crl)::/.test(id) ||
  extended_key_usage.length > 0 ||
  features.some((feature) => feature.startsWith('pedantic'));

const NAME_KINDS: Readonly<Record<LimboName['kind'], ExpectedName['kind']>> = {
  DNS: 'dns',
  IP: 'ip',
  RFC822: 'email',
};

function judgeCase(asked: LimboCase, strict: boolean): string {
  const ders = (texts: readonly string[]): Bytes[] =>
    texts.flatMap((text) => decodePem(text).map(({ der }) => der));
  const peer = asked.expected_peer_name ?? asked.expected_peer_names[0];
  const [leaf = new Uint8Array(0)] = ders([asked.peer_certificate]);
  return judge({
    leaf,
    untrusted: ders(asked.untrusted_intermediates),
    anchors: ders(asked.trusted_certs),
    crls: ders(asked.crls),
    // the cases without a time were made to hold for long
    at: asked.validation_time === null ? Date.UTC(2026, 6, 1) : Date.parse(asked.validation_time),
    name: peer === undefined ? undefined : { kind: NAME_KINDS[peer.kind], value: peer.value },
    purpose: strict ? (asked.validation_kind === 'SERVER' ? 'server' : 'client') : undefined,
    maxIntermediates: asked.max_chain_depth ?? undefined,
  });
}
