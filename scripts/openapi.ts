/** Renders openapi.yaml from the route table and the schemas that validate requests, so that they cannot drift apart. */
import { stringify } from 'yaml';
import { z } from 'zod';
import { Problem } from '../src/api/common.ts';
import { type Route, ROUTES } from '../src/api/routes.ts';
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

const WHO: Readonly<Record<Route['rule'], string>> = {
  public: 'Anybody may call it.',
  authenticated: 'Any principal may call it; grants decide the rest.',
  'read-everything': 'For principals whose grant gives `read` on every issuer, profile and name.',
  'admin-everything': 'For principals whose grant gives `admin` on every issuer, profile and name.',
};

function operation(id: string, route: Route): Record<string, unknown> {
  const params = [
    ...parameters(route.params, 'path'),
    ...parameters(route.query, 'query'),
    ...(route.idempotent === true ? [IDEMPOTENCY_KEY] : []),
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
      [route.status]: { description: 'Done', ...(content === undefined ? {} : { content }) },
      default: {
        description: 'A problem',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

export function renderOpenApi(version: string): string {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, route] of Object.entries(ROUTES) as [string, Route][])
    (paths[route.path] ??= {})[route.method] = operation(id, route);
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
        'Certificates for workloads, hosts and clients. Callers log in with a client certificate (mTLS) or a token.',
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
      schemas,
    },
  };
  return `# Generated from src/api by \`npm run generate\`; do not edit.\n${stringify(document, { lineWidth: 110, aliasDuplicateObjects: false })}`;
}
