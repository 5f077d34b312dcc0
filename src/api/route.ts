/** What a row of the route table says. */
import type { z } from 'zod';

/**
 * `public`: anybody. `authenticated`: any principal; the handler decides the rest through grants. `read-everything`,
 * `admin-everything`: principals whose grant gives the verb on every issuer, profile and name.
 */
export type RouteRule = 'public' | 'authenticated' | 'read-everything' | 'admin-everything';

export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As OpenAPI writes it: `/api/v1/certificates/{serial}`. */
  readonly path: string;
  readonly rule: RouteRule;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Octets that a body may have, where that is more than usual. */
  readonly maxBody?: number;
  readonly status: 200 | 201 | 204;
  readonly response?: z.ZodType;
  /** Media type of a response that is not JSON. */
  readonly media?: string;
  /** Takes an Idempotency-Key. */
  readonly idempotent?: true;
  /** Its answer has an ETag; `get` takes an If-None-Match. */
  readonly etag?: true;
  /** Takes an If-Match. */
  readonly ifMatch?: true;
}
