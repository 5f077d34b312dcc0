/** Routes that revoke. */
import {
  ImpactRequest,
  ImpactResource,
  LeakedKeyReport,
  LeakedKeyRequest,
  RevocationReport,
  RevocationRequest,
} from './revocations.ts';
import type { Route } from './route.ts';

export const REVOCATION_ROUTES = {
  revokeCertificates: {
    method: 'post',
    path: '/api/v1/revocations',
    rule: 'authenticated',
    summary: 'Revoke certificates: all that are meant, or none where one of them may not be',
    body: RevocationRequest,
    status: 200,
    response: RevocationReport,
  },
  showImpact: {
    method: 'post',
    path: '/api/v1/revocations/impact',
    rule: 'authenticated',
    summary: 'Show what a revocation would hit',
    body: ImpactRequest,
    status: 200,
    response: ImpactResource,
  },
  revokeLeakedKey: {
    method: 'post',
    path: '/api/v1/revocations/leaked-key',
    rule: 'public',
    summary: 'Revoke all certificates of a key by proof that it leaked, and block it',
    body: LeakedKeyRequest,
    status: 200,
    response: LeakedKeyReport,
  },
} as const satisfies Record<string, Route>;
