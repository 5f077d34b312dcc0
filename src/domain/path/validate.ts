/** Basic path validation (RFC 5280 6.1) of one whole path, anchor first. Signatures come in as already checked links. */
import type { Instant } from '../../base/clock.ts';
import type { NameConstraints } from '../../x509/name-constraints.ts';
import { OID } from '../../x509/oids.ts';
import type { Candidate } from './candidate.ts';
import { certificateFault, type Position } from './certificate-rules.ts';
import { type ComparisonBudget, nameConstraintsFault } from './name-constraints.ts';
import { peerNameFault } from './peer-name.ts';
import { PolicyGraph } from './policy-graph.ts';
import type { ExpectedName, Fault, PolicyInputs, Purpose } from './result.ts';
import { tlsProfileFault } from './tls-profile.ts';

export interface PathRules {
  readonly at: Instant;
  readonly name?: ExpectedName | undefined;
  readonly purpose?: Purpose | undefined;
  readonly policies?: PolicyInputs | undefined;
  readonly maxIntermediates?: number | undefined;
}

export interface PlacedFault extends Fault {
  readonly certificate: Candidate;
}

/** The state variables of 6.1.2 that go down the path. */
interface State {
  readonly constraints: NameConstraints[];
  readonly policies: PolicyGraph;
  explicitPolicy: number;
  policyMapping: number;
  inhibitAnyPolicy: number;
  maxPathLength: number;
}

/** The first rule that the path breaks. `path` is anchor, intermediates, leaf; every signature on it verified. */
export function validatePath(
  path: readonly Candidate[],
  rules: PathRules,
  budget: ComparisonBudget,
): PlacedFault | undefined {
  const last = path.length - 1;
  const leaf = path[last];
  if (leaf === undefined) throw new Error('a path without certificates');
  // what is wrong with the leaf itself is wrong on every path: the most useful thing to hear first
  const own = certificateFault(leaf, 'leaf', rules.at);
  if (own !== undefined) return { ...own, certificate: leaf };
  const state = initialState(last, rules);
  for (const [i, candidate] of path.entries()) {
    const position: Position = i === last ? 'leaf' : i === 0 ? 'anchor' : 'intermediate';
    const fault =
      certificateFault(candidate, position, rules.at) ??
      (i === 0 ? undefined : processFault(candidate, path[i - 1], position, state, budget)) ??
      (position === 'leaf'
        ? wrapUpFault(candidate, state, rules)
        : prepareFault(candidate, position, state)) ??
      (rules.purpose === undefined ? undefined : tlsProfileFault(candidate, position, rules.purpose));
    if (fault !== undefined) return { ...fault, certificate: candidate };
  }
  if (rules.name === undefined) return undefined;
  const fault = peerNameFault(leaf, rules.name);
  return fault === undefined ? undefined : { ...fault, certificate: leaf };
}

/** 6.1.2. A counter of n + 1 never runs out. */
function initialState(n: number, { policies, maxIntermediates }: PathRules): State {
  return {
    constraints: [],
    policies: new PolicyGraph(),
    explicitPolicy: policies?.requireExplicit === true ? 0 : n + 1,
    policyMapping: policies?.inhibitMapping === true ? 0 : n + 1,
    inhibitAnyPolicy: policies?.inhibitAny === true ? 0 : n + 1,
    maxPathLength: maxIntermediates ?? n,
  };
}

/** 6.1.3 (a)(4) to (f). */
function processFault(
  candidate: Candidate,
  issuer: Candidate | undefined,
  position: Position,
  state: State,
  budget: ComparisonBudget,
): Fault | undefined {
  if (issuer === undefined || issuer.subjectKey !== candidate.issuerKey)
    return {
      code: 'no_path',
      reason: 'the issuer is not the subject of the certificate above',
      rule: 'RFC 5280 6.1.3 (a)(4)',
    };
  const intermediateSelfIssued = candidate.selfIssued && position !== 'leaf';
  if (!intermediateSelfIssued) {
    const fault = nameConstraintsFault(candidate, state.constraints, budget);
    if (fault !== undefined) return fault;
  }
  state.policies.descend(
    candidate.decoded.certificatePolicies,
    state.inhibitAnyPolicy > 0 || intermediateSelfIssued,
  );
  return state.explicitPolicy === 0 && state.policies.isNull
    ? {
        code: 'policy',
        reason: 'an explicit policy is required here and none is valid',
        rule: 'RFC 5280 6.1.3 (f)',
      }
    : undefined;
}

/** 6.1.4. The anchor passes through it too: what it says of the certificates below it counts. */
function prepareFault(candidate: Candidate, position: Position, state: State): Fault | undefined {
  const { basicConstraints, nameConstraints, policyMappings, policyConstraints, inhibitAnyPolicy } =
    candidate.decoded;
  const any: string = OID.anyPolicy;
  if (
    policyMappings?.some(
      (mapping) => mapping.issuerDomainPolicy === any || mapping.subjectDomainPolicy === any,
    )
  )
    return { code: 'policy', reason: 'policyMappings maps anyPolicy', rule: 'RFC 5280 6.1.4 (a)' };
  if (position !== 'anchor') {
    if (policyMappings !== undefined) state.policies.map(policyMappings, state.policyMapping > 0);
    if (!candidate.selfIssued) {
      state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
      state.policyMapping = Math.max(0, state.policyMapping - 1);
      state.inhibitAnyPolicy = Math.max(0, state.inhibitAnyPolicy - 1);
      if (state.maxPathLength <= 0)
        return {
          code: 'path_length',
          reason: 'one intermediate more than the certificates above allow',
          rule: 'RFC 5280 6.1.4 (l)',
        };
      state.maxPathLength--;
    }
  }
  if (nameConstraints !== undefined) state.constraints.push(nameConstraints);
  state.explicitPolicy = Math.min(state.explicitPolicy, policyConstraints?.requireExplicitPolicy ?? Infinity);
  state.policyMapping = Math.min(state.policyMapping, policyConstraints?.inhibitPolicyMapping ?? Infinity);
  state.inhibitAnyPolicy = Math.min(state.inhibitAnyPolicy, inhibitAnyPolicy ?? Infinity);
  state.maxPathLength = Math.min(state.maxPathLength, basicConstraints?.pathLength ?? Infinity);
  return undefined;
}

/** 6.1.5. */
function wrapUpFault({ decoded }: Candidate, state: State, { policies }: PathRules): Fault | undefined {
  const explicit =
    decoded.policyConstraints?.requireExplicitPolicy === 0 ? 0 : Math.max(0, state.explicitPolicy - 1);
  return explicit === 0 && !state.policies.satisfies(policies?.initial)
    ? {
        code: 'policy',
        reason: 'an explicit policy is required and none that is accepted is valid',
        rule: 'RFC 5280 6.1.5 (g)',
      }
    : undefined;
}
