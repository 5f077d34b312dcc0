/** The request listener of the HTTPS port: the hot route by hand, everything else by express. */
import type { RequestListener } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { ChanceryError } from '../../base/errors.ts';
import { type Operation, type Route, ROUTES } from '../../api/routes.ts';
import { createDispatch, doorOf, sendProblem } from './dispatch.ts';
import type { AdminPorts } from './ports.ts';

/** A page or file outside of /api/v1 that anybody may read. */
export interface PublicPage {
  readonly path: string;
  readonly type: string;
  readonly body: () => string;
  /** Content-Security-Policy of the page; nothing may be loaded where it is absent. */
  readonly policy?: string;
}

/** The one route whose cost per request counts is matched before express sees it. */
const HOT = '/api/v1/certificates';

export function createAdminListener(ports: AdminPorts, pages: readonly PublicPage[]): RequestListener {
  const dispatch = createDispatch(ports);
  let app: Promise<RequestListener> | undefined;
  return (request, response) => {
    if (request.method === 'POST' && request.url === HOT) {
      void dispatch('signCertificate', request, response, {});
      return;
    }
    // loaded with the first request that needs it: a server that only signs never pays for it
    app ??= createApp(ports, dispatch, pages);
    app.then(
      (serve) => serve(request, response),
      (error: unknown) => {
        app = undefined; // what could not be loaded now is tried again
        sendProblem(request, response, error, doorOf(request).requestId);
      },
    );
  };
}

async function createApp(
  ports: AdminPorts,
  dispatch: ReturnType<typeof createDispatch>,
  pages: readonly PublicPage[],
): Promise<RequestListener> {
  const [{ default: express }, { default: helmet }] = await Promise.all([
    import('express'),
    import('helmet'),
  ]);
  const app = express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);
  // no HSTS: the name is often localhost, which other programs serve over plain HTTP
  app.use(
    helmet({
      strictTransportSecurity: false,
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"] } },
    }),
  );

  const serve = (routes: readonly [Operation, Route][]): void => {
    for (const [operation, route] of routes)
      app[route.method](route.path.replace(/\{(\w+)\}/g, ':$1'), (request: Request, response: Response) =>
        dispatch(operation, request, response, { ...request.params }),
      );
  };
  serve(ALL.filter(([, route]) => !isTemplate(route)));
  // a path that is spelled out in the table is never taken for the name of something: `/grants/explain`
  for (const [, route] of ALL) if (!isTemplate(route)) app.all(route.path, notFound(ports));
  serve(ALL.filter(([, route]) => isTemplate(route)));
  for (const page of pages)
    app.get(page.path, (_request, response) => {
      if (page.policy !== undefined) response.setHeader('content-security-policy', page.policy);
      response.type(page.type).set('cache-control', 'no-cache').send(page.body());
    });
  app.use(notFound(ports));
  app.use(failed(ports));
  return app;
}

const ALL = Object.entries(ROUTES) as [Operation, Route][];

const isTemplate = ({ path }: Route): boolean => path.includes('{');

/** Methods per path pattern, to tell a wrong method from a wrong path. */
const PATTERNS = ALL.map(([, { path, method }]) => ({
  path,
  pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
  method: method.toUpperCase(),
}));

/** Of the path as it is spelled out, else of those that it fits. */
function methodsOf(path: string): string[] {
  const exact = PATTERNS.filter((row) => row.path === path);
  const fitting = exact.length > 0 ? exact : PATTERNS.filter(({ pattern }) => pattern.test(path));
  return fitting.map(({ method }) => method);
}

function notFound(ports: AdminPorts): RequestHandler {
  return (request, response) => {
    const allowed = methodsOf(request.path);
    const error =
      allowed.length > 0
        ? new ChanceryError('method_not_allowed', {
            message: `${request.method} is not allowed here`,
            rule: `allowed: ${allowed.join(', ')}`,
            fix: 'Use one of these.',
          })
        : new ChanceryError('not_found', {
            message: 'there is nothing at this path',
            rule: 'openapi.yaml lists every path, spelled exactly',
            fix: 'Check the URL.',
          });
    if (allowed.length > 0) response.setHeader('allow', allowed.join(', '));
    answer(ports, request, response, error);
  };
}

const failed =
  (ports: AdminPorts): ErrorRequestHandler =>
  (error: unknown, request, response, _next) => {
    answer(ports, request, response, error);
  };

function answer(ports: AdminPorts, request: Request, response: Response, error: unknown): void {
  const { requestId } = doorOf(request);
  sendProblem(request, response, error, requestId);
  ports.answered({
    operation: 'none',
    method: request.method,
    status: response.statusCode,
    seconds: 0,
    requestId,
    principal: undefined,
    code: error instanceof ChanceryError ? error.code : 'internal',
    error: error instanceof ChanceryError ? undefined : error,
  });
}
