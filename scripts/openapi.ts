/** Renders openapi.yaml from the route table and the schemas that validate requests, so that they cannot drift apart. */
import { STATUS_CODES } from 'node:http';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Problem } from '../src/api/common.ts';
import { problemsOf } from './problems.ts';
import { type Operation, type Route, ROUTES } from '../src/api/routes.ts';
import { type ErrorCode, ERRORS } from '../src/base/errors.ts';
import * as audit from '../src/api/audit.ts';
import * as authority from '../src/api/authority.ts';
import * as certificates from '../src/api/certificates.ts';
import * as grants from '../src/api/grants.ts';
import * as logins from '../src/api/logins.ts';
import * as tokens from '../src/api/tokens.ts';

const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Problem,
  ...schemasOf(audit),
  ...schemasOf(authority),
  ...schemasOf(certificates),
  ...schemasOf(grants),
  ...schemasOf(logins),
  ...schemasOf(tokens),
};

function schemasOf(module: Readonly<Record<string, unknown>>): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(module).filter(
      (entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType && /^[A-Z]/.test(entry[0]),
    ),
  );
}

const nameOf = (schema: z.ZodType): string | undefined =>
  Object.entries(COMPONENTS).find(([, candidate]) => candidate === schema)?.[0];

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

const reference = (schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> => {
  const name = nameOf(schema);
  return name === undefined ? jsonSchema(schema, io) : { $ref: `#/components/schemas/${name}` };
};

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query'): Record<string, unknown>[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A repeated request with the same key is answered from the record, without a private key',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,200}$' },
};

const OPERATIONS = Object.entries(ROUTES) as [Operation, Route][];

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'ETags; 412 when none of them is that of the object as it is',
  schema: { type: 'string' },
};

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'ETags; 304 when one of them is that of the object as it is',
  schema: { type: 'string' },
};

const HEADERS: Readonly<Record<string, Record<string, unknown>>> = {
  'X-Request-Id': {
    description: 'Stands in the audit entries of the request, too',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
  ETag: { description: 'RFC 9110 8.8.3, strong', required: true, schema: { type: 'string' } },
  'Idempotency-Replayed': {
    description: '`true` in an answer from the record',
    schema: { type: 'string', enum: ['true'] },
  },
  'Retry-After': { description: 'Seconds', required: true, schema: { type: 'string', pattern: '^[0-9]+$' } },
  'WWW-Authenticate': { description: 'RFC 9110 11.6.1', required: true, schema: { type: 'string' } },
};

const headers = (...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    ['X-Request-Id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );

const HEADERS_OF_PROBLEMS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  503: ['Retry-After'],
};

const codesByStatus = (id: Operation): Map<number, ErrorCode[]> =>
  Map.groupBy(problemsOf(id), (code) => ERRORS[code].status);

/** Every status that the operation can answer with besides success. */
const problems = (id: Operation): Record<string, unknown> =>
  Object.fromEntries(
    [...codesByStatus(id).keys()].map((status) => [
      status,
      { $ref: `#/components/responses/Problem${status}` },
    ]),
  );

/** One for each status; which codes stand behind it is said with the operation. */
const PROBLEM_RESPONSES = (): Record<string, unknown> => {
  const statuses = new Set(OPERATIONS.flatMap(([id]) => [...codesByStatus(id).keys()]));
  return Object.fromEntries(
    [...statuses]
      .sort((a, b) => a - b)
      .map((status) => [
        `Problem${status}`,
        {
          description: STATUS_CODES[status] ?? String(status),
          headers: headers(...(HEADERS_OF_PROBLEMS[status] ?? [])),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
  );
};

const WHO: Readonly<Record<Route['rule'], string>> = {
  public: 'Anybody may call it.',
  authenticated: 'Any principal may call it; grants decide the rest.',
  'read-everything': 'For principals whose grant gives `read` on every issuer, profile and name.',
  'admin-everything': 'For principals whose grant gives `admin` on every issuer, profile and name.',
};

const isConditional = ({ method, etag }: Route): boolean => method === 'get' && etag === true;

function operation(id: Operation, route: Route): Record<string, unknown> {
  const params = [
    ...parameters(route.params, 'path'),
    ...parameters(route.query, 'query'),
    ...(route.idempotent === true ? [IDEMPOTENCY_KEY] : []),
    ...(route.ifMatch === true ? [IF_MATCH] : []),
    ...(isConditional(route) ? [IF_NONE_MATCH] : []),
  ];
  const content =
    route.response === undefined
      ? route.media === undefined
        ? undefined
        : { [route.media]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: reference(route.response, 'output') } };
  return {
    operationId: id,
    summary: route.summary,
    description: WHO[route.rule],
    'x-problems': Object.fromEntries(
      [...codesByStatus(id)].map(([status, codes]) => [status, codes.join(', ')]),
    ),
    ...(route.rule === 'public' ? { security: [] } : {}),
    ...(params.length === 0 ? {} : { parameters: params }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: reference(route.body, 'input') } },
          },
        }),
    responses: {
      [route.status]: {
        description: 'Done',
        headers: headers(
          ...(route.etag === true ? ['ETag'] : []),
          ...(route.idempotent === true ? ['Idempotency-Replayed'] : []),
        ),
        ...(content === undefined ? {} : { content }),
      },
      ...(isConditional(route)
        ? { 304: { description: 'It is as the If-None-Match has it', headers: headers('ETag') } }
        : {}),
      ...problems(id),
      431: {
        description: 'URL and headers have over 16 KiB; answered before anything is read, without a body',
      },
    },
  };
}

export function renderOpenApi(version: string): string {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, route] of OPERATIONS) (paths[route.path] ??= {})[route.method] = operation(id, route);
  const used = JSON.stringify(paths);
  const schemas = Object.fromEntries(
    Object.entries(COMPONENTS)
      .filter(([name]) => name === 'Problem' || used.includes(`#/components/schemas/${name}"`))
      .map(([name, schema]) => [name, jsonSchema(schema, name.endsWith('Request') ? 'input' : 'output')]),
  );
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Chancery',
      version,
      description:
        'Certificates for workloads, hosts and clients: issued, revoked, kept renewed. Callers log in with a client certificate (mTLS) or a token; ACME clients have a protocol of their own at /acme.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'https://localhost:8443' }],
    security: [{ mutualTls: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        mutualTls: {
          type: 'mutualTLS',
          description: 'A certificate of an issuer that is marked authenticates',
        },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An enrolment token (chy_…), or a JWT of a login provider of the configuration',
        },
      },
      headers: HEADERS,
      responses: PROBLEM_RESPONSES(),
      schemas,
    },
  };
  return `# Generated from src/api by \`npm run generate\`; do not edit.\n${stringify(document, { lineWidth: 110, aliasDuplicateObjects: false })}`;
}
