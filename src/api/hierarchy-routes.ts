/** Routes that change roots and generations. */
import { z } from 'zod';
import {
  byGeneration,
  CrlRequest,
  CrlResource,
  GenerationResource,
  ImportRequest,
  IssuerImport,
  PreparedResource,
  RootResource,
} from './authority.ts';
import { ObjectName } from './common.ts';
import type { Route } from './route.ts';

const byName = z.strictObject({ name: ObjectName });

export const HIERARCHY_ROUTES = {
  prepareIssuer: {
    method: 'post',
    path: '/api/v1/issuers/{name}/prepare',
    rule: 'admin-everything',
    summary: 'Prepare the next generation of an issuer, or its request where the root is offline',
    params: byName,
    status: 200,
    response: PreparedResource,
  },
  importIssuer: {
    method: 'post',
    path: '/api/v1/issuers/{name}/import',
    rule: 'admin-everything',
    summary: 'Import key and certificate of an issuer that were made elsewhere',
    params: byName,
    body: IssuerImport,
    status: 201,
    response: GenerationResource,
  },
  importGeneration: {
    method: 'post',
    path: '/api/v1/generations',
    rule: 'admin-everything',
    summary: 'Import the certificate that an offline root signed',
    body: ImportRequest,
    status: 201,
    response: GenerationResource,
  },
  activateGeneration: {
    method: 'post',
    path: '/api/v1/generations/{id}/activate',
    rule: 'admin-everything',
    summary: 'Let the next generation issue from now on',
    params: byGeneration,
    status: 200,
    response: GenerationResource,
  },
  retireGeneration: {
    method: 'post',
    path: '/api/v1/generations/{id}/retire',
    rule: 'admin-everything',
    summary: 'Retire a generation of which no certificate lives',
    params: byGeneration,
    status: 200,
    response: GenerationResource,
  },
  prepareRoot: {
    method: 'post',
    path: '/api/v1/roots/{name}/prepare',
    rule: 'admin-everything',
    summary: 'Make the successor of a root: in every bundle, signing nothing yet',
    params: byName,
    status: 200,
    response: RootResource,
  },
  activateRoot: {
    method: 'post',
    path: '/api/v1/roots/{name}/activate',
    rule: 'admin-everything',
    summary: 'Let the next root sign new generations',
    params: byName,
    status: 200,
    response: RootResource,
  },
  retireRoot: {
    method: 'post',
    path: '/api/v1/roots/{name}/retire',
    rule: 'admin-everything',
    summary: 'Take a root below which nothing lives out of every bundle',
    params: byName,
    status: 200,
    response: RootResource,
  },
  importCrl: {
    method: 'post',
    path: '/api/v1/crls',
    rule: 'admin-everything',
    summary: 'Import the CRL of an offline root',
    body: CrlRequest,
    status: 201,
    response: CrlResource,
  },
} as const satisfies Record<string, Route>;
