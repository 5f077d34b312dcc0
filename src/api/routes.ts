/**
 * The route table of /api/v1: what openapi.yaml is generated from, what requests are validated by, and what says for
 * every route who may call it. Handlers are looked up by operation, so a route without a rule does not exist.
 */
import { z } from 'zod';
import { ACME_ROUTES } from './acme-routes.ts';
import { AuditHeadResource, AuditList, AuditQuery } from './audit.ts';
import {
  IssuerList,
  IssuerResource,
  ProfileList,
  ProfileResource,
  RootList,
  RootResource,
  ServerInfo,
} from './authority.ts';
import {
  CertificateDetail,
  CertificateList,
  CertificateQuery,
  GeneratedCertificate,
  GenerateRequest,
  IssuedCertificate,
  RenewRequest,
  SignRequest,
} from './certificates.ts';
import { ObjectName, Serial } from './common.ts';
import { CRL_ROUTES } from './crls.ts';
import { GRANT_ROUTES } from './grant-routes.ts';
import { HIERARCHY_ROUTES } from './hierarchy-routes.ts';
import { MANAGED_ROUTES } from './managed-routes.ts';
import { REVOCATION_ROUTES } from './revocation-routes.ts';
import type { Route } from './route.ts';
import { LoginList } from './logins.ts';
import { TOKEN_ROUTES } from './token-routes.ts';

export type { Route, RouteRule } from './route.ts';

const byName = z.strictObject({ name: ObjectName });
const bySerial = z.strictObject({ serial: Serial });

export const ROUTES = {
  signCertificate: {
    method: 'post',
    path: '/api/v1/certificates',
    rule: 'authenticated',
    summary: 'Sign a certificate request',
    body: SignRequest,
    status: 201,
    response: IssuedCertificate,
    idempotent: true,
  },
  generateCertificate: {
    method: 'post',
    path: '/api/v1/certificates/generate',
    rule: 'authenticated',
    summary: 'Issue a certificate with a key made here',
    body: GenerateRequest,
    status: 201,
    response: GeneratedCertificate,
    idempotent: true,
  },
  renewCertificate: {
    method: 'post',
    path: '/api/v1/certificates/{serial}/renew',
    rule: 'authenticated',
    summary: 'Renew a certificate',
    params: bySerial,
    body: RenewRequest,
    status: 201,
    response: IssuedCertificate,
    idempotent: true,
  },
  listCertificates: {
    method: 'get',
    path: '/api/v1/certificates',
    rule: 'authenticated',
    summary: 'List and search certificates',
    query: CertificateQuery,
    status: 200,
    response: CertificateList,
  },
  showCertificate: {
    method: 'get',
    path: '/api/v1/certificates/{serial}',
    rule: 'authenticated',
    summary: 'Show a certificate',
    params: bySerial,
    status: 200,
    response: CertificateDetail,
  },
  ...REVOCATION_ROUTES,
  listIssuers: {
    method: 'get',
    path: '/api/v1/issuers',
    rule: 'authenticated',
    summary: 'List issuers with their generations',
    status: 200,
    response: IssuerList,
  },
  showIssuer: {
    method: 'get',
    path: '/api/v1/issuers/{name}',
    rule: 'authenticated',
    summary: 'Show an issuer',
    params: byName,
    status: 200,
    response: IssuerResource,
  },
  ...HIERARCHY_ROUTES,
  ...CRL_ROUTES,
  ...MANAGED_ROUTES,
  listRoots: {
    method: 'get',
    path: '/api/v1/roots',
    rule: 'authenticated',
    summary: 'List roots',
    status: 200,
    response: RootList,
  },
  showRoot: {
    method: 'get',
    path: '/api/v1/roots/{name}',
    rule: 'authenticated',
    summary: 'Show a root',
    params: byName,
    status: 200,
    response: RootResource,
  },
  listProfiles: {
    method: 'get',
    path: '/api/v1/profiles',
    rule: 'authenticated',
    summary: 'List profiles',
    status: 200,
    response: ProfileList,
  },
  showProfile: {
    method: 'get',
    path: '/api/v1/profiles/{name}',
    rule: 'authenticated',
    summary: 'Show a profile',
    params: byName,
    status: 200,
    response: ProfileResource,
  },
  ...GRANT_ROUTES,
  ...TOKEN_ROUTES,
  ...ACME_ROUTES,
  listLogins: {
    method: 'get',
    path: '/api/v1/logins',
    rule: 'public',
    summary: 'List the providers at which people log in',
    status: 200,
    response: LoginList,
  },
  listAudit: {
    method: 'get',
    path: '/api/v1/audit',
    rule: 'read-everything',
    summary: 'Read the audit log',
    query: AuditQuery,
    status: 200,
    response: AuditList,
  },
  exportAudit: {
    method: 'get',
    path: '/api/v1/audit/export',
    rule: 'read-everything',
    summary: 'Export the audit log with its signed heads',
    status: 200,
    media: 'application/x-ndjson',
  },
  signAuditHead: {
    method: 'post',
    path: '/api/v1/audit/head',
    rule: 'read-everything',
    summary: 'Sign a head of the audit log now',
    status: 200,
    response: AuditHeadResource,
  },
  showServer: {
    method: 'get',
    path: '/api/v1/server',
    rule: 'authenticated',
    summary: 'What runs, and who you are',
    status: 200,
    response: ServerInfo,
  },
} as const satisfies Record<string, Route>;

export type Operation = keyof typeof ROUTES;
