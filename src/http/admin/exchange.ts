/** What operations get and give: no request or response object of a framework reaches them. */
import type { ChanceryError } from '../../base/errors.ts';
import type { Operation } from '../../api/routes.ts';
import type { Door, Principal } from '../../domain/identity/principal.ts';

export interface Exchange<Body = unknown, Query = unknown, Params = unknown> {
  readonly operation: Operation;
  /** `anonymous` on a public route. */
  readonly principal: Principal;
  readonly door: Door;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** If-Match, where the route takes one. */
  readonly ifMatch: string | undefined;
  /** Idempotency-Key with the hash of the request, where the route takes one and the caller sent it. */
  readonly idempotency: { readonly key: string; readonly requestHash: string } | undefined;
}

export type Reply =
  | { readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** Lines of a response that is too large to be built at once. */
  | { readonly lines: AsyncIterable<string> | Iterable<string> }
  | { readonly empty: true };

export type Handler = (exchange: Exchange<never, never, never>) => Promise<Reply> | Reply;

/** What happened to a request, for logs and metrics. */
export interface Answered {
  readonly operation: Operation | 'none';
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
  readonly requestId: string;
  readonly principal: string | undefined;
  readonly code: string | undefined;
  readonly error: unknown;
}

export type RefusalOfAnonymous = (error: ChanceryError, address: string | undefined) => void;
