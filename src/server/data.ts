/** The data folder: its shape, its modes, and that one server at a time works in it. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import { makeFolder, PRIVATE_FOLDERS, writePrivateFile } from '../keys/software/index.ts';

export interface DataPaths {
  readonly data: string;
  readonly keys: string;
  readonly admin: string;
  readonly run: string;
  /** CRLs of generations, for everybody. */
  readonly crls: string;
  readonly clientFile: string;
  readonly rootsFile: string;
  readonly auditKeyFile: string;
  readonly pidFile: string;
  readonly adminCertificate: string;
  readonly adminKey: string;
}

export const dataPaths = (data: string): DataPaths => ({
  data,
  keys: join(data, 'keys'),
  admin: join(data, 'admin'),
  run: join(data, 'run'),
  crls: join(data, 'crl'),
  clientFile: join(data, 'client.yaml'),
  rootsFile: join(data, 'roots.pem'),
  auditKeyFile: join(data, 'audit.pub'),
  pidFile: join(data, 'run', 'server.pid'),
  adminCertificate: join(data, 'admin', 'cert.pem'),
  adminKey: join(data, 'admin', 'key.pem'),
});

const PUBLIC_FOLDER = 0o755;
const PUBLIC_FILE = 0o644;

export async function makeDataFolder({ data, run }: DataPaths): Promise<void> {
  await mkdir(join(data, '..'), { recursive: true });
  await makeFolder(data, PUBLIC_FOLDER);
  for (const folder of PRIVATE_FOLDERS) await makeFolder(join(data, folder));
  await makeFolder(run, PUBLIC_FOLDER);
}

/** A file that everybody may read, replaced in one step. */
export const writePublicFile = (path: string, text: string): Promise<void> =>
  writePrivateFile(path, text, { mode: PUBLIC_FILE, replace: true });

/** Whether `init` has finished here: client.yaml is the last thing that it writes. */
export const isInitialized = ({ clientFile }: DataPaths): boolean => existsSync(clientFile);

/** Throws `no_authority`: only `init` and `dev` create one, so that an unmounted volume never becomes a new CA. */
export function requireAuthority(paths: DataPaths): void {
  if (isInitialized(paths)) return;
  throw new ChanceryError('no_authority', {
    message: `no CA in ${paths.data}: run init, or is the volume mounted?`,
    rule: 'only `init`, `dev` and `npm start` create an authority',
    fix: `Run \`chancery init --data ${paths.data}\`.`,
  });
}

export interface ClientFile {
  readonly server: string;
  readonly trustDomain: string;
  readonly configuration: string | undefined;
}

/** Paths beside the file are relative, so that the folder can be moved. */
export const renderClientFile = ({ server, trustDomain, configuration }: ClientFile): string =>
  [
    '# How this host’s own operator reaches the server. Written by `chancery init`.',
    `server: ${JSON.stringify(server)}`,
    `trustDomain: ${JSON.stringify(trustDomain)}`,
    'roots: roots.pem',
    'certificate: admin/cert.pem',
    'key: admin/key.pem',
    ...(configuration === undefined ? [] : [`configuration: ${JSON.stringify(configuration)}`]),
    '',
  ].join('\n');
