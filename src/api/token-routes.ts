/** Routes of enrolment tokens. */
import { z } from 'zod';
import { byId, Limit } from './common.ts';
import type { Route } from './route.ts';
import { CreatedToken, TokenList, TokenRequest, TokenResource } from './tokens.ts';

export const TOKEN_ROUTES = {
  createToken: {
    method: 'post',
    path: '/api/v1/tokens',
    rule: 'authenticated',
    summary: 'Make an enrolment token for names that you hold',
    body: TokenRequest,
    status: 201,
    response: CreatedToken,
  },
  listTokens: {
    method: 'get',
    path: '/api/v1/tokens',
    rule: 'read-everything',
    summary: 'List enrolment tokens, newest first',
    query: z.strictObject({ limit: Limit }),
    status: 200,
    response: TokenList,
  },
  showToken: {
    method: 'get',
    path: '/api/v1/tokens/{id}',
    rule: 'read-everything',
    summary: 'Show an enrolment token',
    params: byId,
    status: 200,
    response: TokenResource,
    etag: true,
  },
  revokeToken: {
    method: 'delete',
    path: '/api/v1/tokens/{id}',
    rule: 'authenticated',
    summary: 'Revoke an enrolment token',
    params: byId,
    status: 204,
    ifMatch: true,
  },
} as const satisfies Record<string, Route>;
