/** Routes of grants. */
import { z } from 'zod';
import {
  Explanation,
  ExplainRequest,
  GrantList,
  GrantReplacement,
  GrantRequest,
  GrantResource,
} from './grants.ts';
import type { Route } from './route.ts';

/** Built-in grants are shown, too: `builtin:admin`. */
const byGrantName = z.strictObject({ name: z.string().max(80) });

export const GRANT_ROUTES = {
  listGrants: {
    method: 'get',
    path: '/api/v1/grants',
    rule: 'read-everything',
    summary: 'List grants',
    status: 200,
    response: GrantList,
  },
  showGrant: {
    method: 'get',
    path: '/api/v1/grants/{name}',
    rule: 'read-everything',
    summary: 'Show a grant',
    params: byGrantName,
    status: 200,
    response: GrantResource,
    etag: true,
  },
  createGrant: {
    method: 'post',
    path: '/api/v1/grants',
    rule: 'authenticated',
    summary: 'Create a grant; nobody can grant more than they hold',
    body: GrantRequest,
    status: 201,
    response: GrantResource,
    etag: true,
  },
  replaceGrant: {
    method: 'put',
    path: '/api/v1/grants/{name}',
    rule: 'authenticated',
    summary: 'Replace a grant that was made through the API; nobody can grant more than they hold',
    params: byGrantName,
    body: GrantReplacement,
    status: 200,
    response: GrantResource,
    etag: true,
    ifMatch: true,
  },
  deleteGrant: {
    method: 'delete',
    path: '/api/v1/grants/{name}',
    rule: 'authenticated',
    summary: 'Delete a grant that was made through the API',
    params: byGrantName,
    status: 204,
    ifMatch: true,
  },
  explainGrant: {
    method: 'post',
    path: '/api/v1/grants/explain',
    rule: 'authenticated',
    summary: 'Explain how a request would be decided',
    body: ExplainRequest,
    status: 200,
    response: Explanation,
  },
} as const satisfies Record<string, Route>;
