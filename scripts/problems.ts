/** Which problems an operation can answer with: what openapi.yaml lists by status, and tests hold answers against. */
import { type ErrorCode, ERRORS } from '../src/base/errors.ts';
import type { Route } from '../src/api/route.ts';
import { type Operation, ROUTES } from '../src/api/routes.ts';

const ANY: readonly ErrorCode[] = ['invalid_request', 'internal'];
const STORE: readonly ErrorCode[] = ['store_unavailable', 'audit_unavailable', 'shutting_down'];
const LOGIN: readonly ErrorCode[] = [
  'unauthenticated',
  'credential_rejected',
  'malformed_token',
  'login_provider_unavailable',
  ...STORE,
];
const BODY: readonly ErrorCode[] = ['malformed_json', 'body_too_large', 'unsupported_media_type'];

const ISSUING: readonly ErrorCode[] = [
  'malformed_pem',
  'malformed_der',
  'malformed_csr',
  'invalid_name',
  'invalid_duration',
  'proof_of_possession_failed',
  'csr_asks_for_more',
  'names_differ',
  'not_granted',
  'profile_violation',
  'weak_key',
  'blocked_key',
  'lint_failed',
  'not_found',
  'issuer_stopped',
  'issuer_expires_too_soon',
  'clock_went_back',
  'self_check_failed',
];
const ENROLLING: readonly ErrorCode[] = [...ISSUING, 'token_spent'];
const PLANNING: readonly ErrorCode[] = [
  'invalid_name',
  'invalid_duration',
  'not_granted',
  'profile_violation',
  'not_found',
  'issuer_stopped',
];
const GRANTING: readonly ErrorCode[] = [
  'invalid_name',
  'invalid_duration',
  'not_granted',
  'grant_exceeds_own',
];
const FOREIGN_CA: readonly ErrorCode[] = [
  'malformed_pem',
  'malformed_der',
  'malformed_certificate',
  'weak_key',
  'chain_rejected',
  'lint_failed',
  'already_exists',
  'not_found',
  'clock_went_back',
];
const CA: readonly ErrorCode[] = [
  'not_found',
  'already_exists',
  'not_ready',
  'lint_failed',
  'issuer_expires_too_soon',
  'clock_went_back',
  'self_check_failed',
];
const ADVANCING: readonly ErrorCode[] = ['not_found', 'not_ready', 'would_strand', 'clock_went_back'];

const SELECTING: readonly ErrorCode[] = [
  'malformed_pem',
  'malformed_der',
  'malformed_certificate',
  'not_found',
  'certificate_expired',
];

const WISHING: readonly ErrorCode[] = ['invalid_name', 'not_granted', 'profile_violation', 'not_found'];

/** What an operation adds to what its row of the route table says. */
const OWN: Readonly<Record<Operation, readonly ErrorCode[]>> = {
  signCertificate: ENROLLING,
  generateCertificate: ENROLLING,
  renewCertificate: [...ENROLLING, 'certificate_expired', 'certificate_revoked'],
  listCertificates: ['invalid_cursor'],
  showCertificate: ['not_found'],
  revokeCertificates: [...SELECTING, 'not_granted', 'revocation_refused', 'precondition_failed'],
  showImpact: SELECTING,
  revokeLeakedKey: ['proof_of_possession_failed', 'too_many_requests', ...STORE],
  listIssuers: [],
  showIssuer: ['not_found'],
  prepareIssuer: CA,
  importIssuer: FOREIGN_CA,
  importHistory: [...FOREIGN_CA, 'not_found', 'not_ready'],
  importGeneration: FOREIGN_CA,
  activateGeneration: ADVANCING,
  retireGeneration: ADVANCING,
  showGenerationImpact: ['not_found'],
  revokeGeneration: [
    'not_found',
    'already_exists',
    'root_offline',
    'revocation_refused',
    'lint_failed',
    'self_check_failed',
  ],
  prepareRoot: [...CA, 'root_offline'],
  importRoot: FOREIGN_CA,
  activateRoot: ADVANCING,
  retireRoot: ADVANCING,
  importCrl: [
    'malformed_pem',
    'malformed_der',
    'malformed_certificate',
    'chain_rejected',
    'already_exists',
    'clock_went_back',
  ],
  listIssuerCrls: ['not_found'],
  publishIssuerCrls: [
    'not_found',
    'not_ready',
    'crl_refused',
    'lint_failed',
    'malformed_der',
    'issuer_stopped',
    'self_check_failed',
  ],
  listManaged: ['invalid_cursor'],
  getManaged: ['not_found'],
  putManaged: [...WISHING, 'invalid_duration', 'read_only', 'already_exists', 'precondition_failed'],
  deleteManaged: ['not_granted', 'not_found', 'read_only'],
  renewManaged: ['not_granted', 'not_found', 'precondition_failed'],
  pauseManaged: ['not_granted', 'not_found', 'precondition_failed'],
  resumeManaged: ['not_granted', 'not_found', 'precondition_failed'],
  managedHistory: ['not_found'],
  managedProgress: ['not_found', 'precondition_failed'],
  managedPlan: [],
  planDocuments: WISHING,
  apply: [...WISHING, 'invalid_duration', 'read_only', 'already_exists', 'precondition_failed', 'not_ready'],
  listAuthorities: [],
  getAuthority: ['not_found'],
  putAuthority: ['read_only'],
  deleteAuthority: ['read_only', 'not_found', 'not_ready'],
  testAuthority: ['not_found', 'authority_unavailable'],
  testTarget: ['delivery_refused', 'delivery_failed'],
  listRoots: [],
  showRoot: ['not_found'],
  listProfiles: [],
  showProfile: ['not_found'],
  listGrants: [],
  showGrant: ['not_found'],
  createGrant: [...GRANTING, 'already_exists'],
  replaceGrant: [...GRANTING, 'read_only', 'not_found'],
  deleteGrant: ['not_granted', 'grant_exceeds_own', 'read_only', 'not_found'],
  explainGrant: PLANNING,
  createToken: PLANNING,
  listTokens: [],
  showToken: ['not_found'],
  revokeToken: ['not_granted', 'not_found'],
  createExternalKey: ['invalid_name', 'invalid_duration', 'not_found'],
  listExternalKeys: [],
  revokeExternalKey: ['not_found'],
  listAcmeAccounts: ['invalid_cursor'],
  showAcmeAccount: ['not_found'],
  deactivateAcmeAccount: ['not_found'],
  listAcmeOrders: ['invalid_cursor'],
  showAcmeOrder: ['not_found'],
  moveRenewalWindows: ['invalid_duration', 'not_found', 'not_granted', 'revocation_refused'],
  listScheduledRevocations: [],
  cancelScheduledRevocation: ['not_found', 'not_ready'],
  listLogins: [],
  listAudit: [],
  exportAudit: [],
  signAuditHead: ['not_found'],
  showServer: [],
};

export function problemsOf(operation: Operation): ErrorCode[] {
  const route: Route = ROUTES[operation];
  return [
    ...new Set([
      ...ANY,
      ...(route.rule === 'public' ? [] : LOGIN),
      ...(route.rule.endsWith('-everything') ? (['not_granted'] as const) : []),
      ...(route.body === undefined ? [] : BODY),
      ...(route.idempotent === true ? (['invalid_idempotency_key', 'idempotency_key_reused'] as const) : []),
      ...(route.ifMatch === true ? (['precondition_failed'] as const) : []),
      ...OWN[operation],
    ]),
  ].sort((a, b) => ERRORS[a].status - ERRORS[b].status);
}
