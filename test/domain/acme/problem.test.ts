import { describe, expect, it } from 'vitest';
import { ChanceryError, type ErrorCode, ERRORS } from '../../../src/base/errors.ts';
import { AcmeProblem, asProblem, problemDocument, PROBLEMS } from '../../../src/domain/acme/problem.ts';

/** RFC 8555 6.7, RFC 9773 7.4 and draft-ietf-acme-profiles 5, as they stand there. */
const REGISTERED = [
  'accountDoesNotExist',
  'alreadyReplaced',
  'alreadyRevoked',
  'badCSR',
  'badNonce',
  'badPublicKey',
  'badRevocationReason',
  'badSignatureAlgorithm',
  'caa',
  'compound',
  'connection',
  'dns',
  'externalAccountRequired',
  'incorrectResponse',
  'invalidContact',
  'invalidProfile',
  'malformed',
  'orderNotReady',
  'rateLimited',
  'rejectedIdentifier',
  'serverInternal',
  'tls',
  'unauthorized',
  'unsupportedContact',
  'unsupportedIdentifier',
  'userActionRequired',
];

describe('RFC 8555 6.7', () => {
  it('RFC 8555 6.7: every registered type has its status, and there is no other', () => {
    expect(Object.keys(PROBLEMS).sort()).toEqual(REGISTERED);
    for (const status of Object.values(PROBLEMS)) expect(status).toBeGreaterThanOrEqual(400);
    expect([PROBLEMS.badNonce, PROBLEMS.rateLimited, PROBLEMS.alreadyReplaced]).toEqual([400, 429, 409]);
  });

  it.each([
    ['malformed_csr', 'badCSR', 400],
    ['weak_key', 'badCSR', 400],
    ['blocked_key', 'badCSR', 400],
    ['not_granted', 'rejectedIdentifier', 403],
    ['lint_failed', 'rejectedIdentifier', 403],
    ['not_ready', 'orderNotReady', 403],
    ['body_too_large', 'malformed', 413],
    ['issuer_stopped', 'serverInternal', 503],
    ['store_unavailable', 'serverInternal', 503],
    ['audit_unavailable', 'serverInternal', 503],
    ['clock_went_back', 'serverInternal', 503],
    ['self_check_failed', 'serverInternal', 500],
    ['internal', 'serverInternal', 500],
  ] satisfies [ErrorCode, string, number][])('RFC 8555 6.7: %s is told as %s', (code, type, status) => {
    const problem = asProblem(new ChanceryError(code, 'why'));
    expect([problem.type, problem.status]).toEqual([type, status]);
    expect(problem.detail.retryAfter).toBe(status === 503 ? 5 : undefined);
  });

  it('RFC 8555 6.7: no failure of the pipeline is told as a success or as a redirect', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[])
      expect(asProblem(new ChanceryError(code, 'why')).status).toBeGreaterThanOrEqual(400);
  });

  it('RFC 8555 6.7: what went wrong inside stays inside', () => {
    const problem = asProblem(new Error('the secret is 42'));
    expect(problem.type).toBe('serverInternal');
    expect(JSON.stringify(problemDocument(problem))).not.toContain('42');
  });

  it('RFC 8555 6.7.1: subproblems have types and identifiers', () => {
    const problem = new AcmeProblem('compound', {
      detail: 'two',
      subproblems: [{ type: 'caa', detail: 'no', identifier: { type: 'dns', value: 'a.example.test' } }],
    });
    expect(problemDocument(problem)).toEqual({
      type: 'urn:ietf:params:acme:error:compound',
      detail: 'two',
      status: 403,
      subproblems: [
        {
          type: 'urn:ietf:params:acme:error:caa',
          detail: 'no',
          identifier: { type: 'dns', value: 'a.example.test' },
        },
      ],
    });
  });
});
