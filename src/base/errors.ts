/**
 * The closed list of failures that a caller can see. A code is stable for ever: scripts switch on it.
 * `status` is the HTTP status at the edge, `exit` the CLI's exit code (0 ok, 1 usage, 2 remote error,
 * 3 refused by policy, 4 not found, 5 unreachable).
 */
export const ERRORS = {
  // the request is not well-formed
  malformed_json: { status: 400, exit: 1, title: 'The body is not JSON' },
  malformed_pem: { status: 400, exit: 1, title: 'The PEM text cannot be read' },
  malformed_der: { status: 400, exit: 1, title: 'The DER encoding is broken' },
  malformed_csr: { status: 400, exit: 1, title: 'The certificate request cannot be read' },
  malformed_certificate: { status: 400, exit: 1, title: 'The certificate cannot be read' },
  invalid_request: { status: 400, exit: 1, title: 'The request has a wrong field' },
  invalid_name: { status: 400, exit: 1, title: 'A name is not well-formed' },
  malformed_token: { status: 400, exit: 1, title: 'The token cannot be read' },
  invalid_duration: { status: 400, exit: 1, title: 'A duration is not well-formed' },
  invalid_cursor: { status: 400, exit: 1, title: 'The cursor is not one of ours' },
  invalid_idempotency_key: { status: 400, exit: 1, title: 'The Idempotency-Key is not well-formed' },
  unsupported_media_type: { status: 415, exit: 1, title: 'The media type is not supported' },
  body_too_large: { status: 413, exit: 1, title: 'The body is too large' },
  method_not_allowed: { status: 405, exit: 1, title: 'The method is not allowed here' },
  // who asks
  unauthenticated: { status: 401, exit: 3, title: 'The caller is not authenticated' },
  credential_rejected: { status: 401, exit: 3, title: 'The credential is not accepted' },
  // the request is understood and refused
  proof_of_possession_failed: {
    status: 403,
    exit: 3,
    title: 'The request does not prove possession of its key',
  },
  csr_asks_for_more: {
    status: 403,
    exit: 3,
    title: 'The certificate request asks for more than it may have',
  },
  names_differ: { status: 403, exit: 3, title: 'The names differ from those that may be asked for' },
  not_granted: { status: 403, exit: 3, title: 'No grant allows this' },
  grant_exceeds_own: { status: 403, exit: 3, title: 'Nobody can grant more than they hold' },
  profile_violation: { status: 403, exit: 3, title: 'The profile does not allow this' },
  weak_key: { status: 403, exit: 3, title: 'The public key is too weak' },
  blocked_key: { status: 403, exit: 3, title: 'The public key is blocked' },
  token_spent: { status: 403, exit: 3, title: 'The token was used up' },
  certificate_expired: { status: 403, exit: 3, title: 'The certificate has expired' },
  certificate_revoked: { status: 403, exit: 3, title: 'The certificate is revoked' },
  revocation_refused: { status: 403, exit: 3, title: 'Nothing is revoked in this way' },
  lint_failed: { status: 403, exit: 3, title: 'The certificate would break a rule' },
  read_only: { status: 403, exit: 3, title: 'The object is declared in a file and read-only here' },
  // state
  not_found: { status: 404, exit: 4, title: 'There is no such object' },
  already_exists: { status: 409, exit: 2, title: 'The object exists already' },
  precondition_failed: { status: 412, exit: 2, title: 'The object is not the one that was expected' },
  not_ready: { status: 409, exit: 2, title: 'It is not the time for this' },
  would_strand: { status: 409, exit: 3, title: 'Living certificates would be stranded' },
  chain_rejected: { status: 403, exit: 3, title: 'The certificate does not fit into the hierarchy' },
  crl_refused: { status: 409, exit: 2, title: 'The CRL must not be published' },
  root_offline: { status: 409, exit: 2, title: 'The key of the root is not here' },
  idempotency_key_reused: { status: 422, exit: 2, title: 'The Idempotency-Key was used for another request' },
  too_many_requests: { status: 429, exit: 2, title: 'There were too many requests' },
  // the authority cannot serve now
  issuer_stopped: { status: 503, exit: 2, title: 'The issuer is stopped' },
  issuer_expires_too_soon: {
    status: 503,
    exit: 2,
    title: 'The issuer can no longer serve this lifetime in full',
  },
  clock_went_back: { status: 503, exit: 2, title: 'The clock went back' },
  store_unavailable: { status: 503, exit: 2, title: 'The store does not accept records' },
  audit_unavailable: { status: 503, exit: 2, title: 'The audit log does not accept entries' },
  login_provider_unavailable: {
    status: 503,
    exit: 2,
    title: 'The keys of the login provider cannot be had',
  },
  delivery_refused: { status: 403, exit: 3, title: 'This host does not let a target do this' },
  claim_lost: { status: 409, exit: 2, title: 'Somebody else has taken this over' },
  authority_unavailable: { status: 503, exit: 2, title: 'A public CA does not serve us' },
  delivery_failed: { status: 503, exit: 2, title: 'A target does not take the pair' },
  shutting_down: { status: 503, exit: 2, title: 'The server is shutting down' },
  self_check_failed: {
    status: 500,
    exit: 2,
    title: 'The signed certificate is not the one that was prepared',
  },
  internal: { status: 500, exit: 2, title: 'Something went wrong inside' },
  // local to a host
  invalid_configuration: { status: 500, exit: 1, title: 'The configuration is not valid' },
  no_authority: { status: 500, exit: 1, title: 'There is no authority here' },
  unsafe_files: { status: 500, exit: 1, title: 'Private files are not private' },
  damaged_key: { status: 500, exit: 1, title: 'A key file is damaged' },
  damaged_journal: { status: 500, exit: 1, title: 'The journal is damaged' },
  foreign_journal: { status: 500, exit: 1, title: 'The journal does not belong to the database' },
  damaged_backup: { status: 500, exit: 1, title: 'A backup is damaged' },
  wrong_passphrase: { status: 500, exit: 1, title: 'The key-encryption key does not open the keys' },
  newer_schema: { status: 500, exit: 1, title: 'The database belongs to a newer release' },
  usage: { status: 400, exit: 1, title: 'The command is not used as it is meant' },
  unreachable: { status: 503, exit: 5, title: 'The server cannot be reached' },
} as const satisfies Record<string, { status: number; exit: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** What a failure says besides its code. Everything here may be shown to the caller: never a secret. */
export interface ErrorDetail {
  /** One sentence: the cause with the offending value. */
  readonly message: string;
  /** The rule that was broken: an RFC section, a profile or grant by name, a limit. */
  readonly rule?: string;
  /** What the caller can do about it. */
  readonly fix?: string;
  /** Field by field, where a request has several faults. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  /** Machine-readable extras, e.g. the explanation of a decision. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter?: number;
}

/** A refusal or failure with a stable code. Thrown in every room, mapped to RFC 9457 in one place in http/. */
export class ChanceryError extends Error {
  override readonly name = 'ChanceryError';
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, detail: ErrorDetail | string, options?: { cause?: unknown }) {
    const full = typeof detail === 'string' ? { message: detail } : detail;
    super(full.message, options);
    this.code = code;
    this.detail = full;
  }
}

export const isChanceryError = (error: unknown): error is ChanceryError => error instanceof ChanceryError;
