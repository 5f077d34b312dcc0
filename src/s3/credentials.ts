/** A file in the format of AWS's credentials file: sections in brackets, `name = value`. */
import { readFileSync } from 'node:fs';
import { ChanceryError } from '../base/errors.ts';
import type { S3Credentials } from './signature.ts';

const MAX_OCTETS = 64 * 1024;

/** Reads the file anew at each call, so that keys can be exchanged without a restart. No message quotes it. */
export const credentialsFile =
  (path: string): (() => S3Credentials) =>
  () =>
    parseCredentials(readText(path), path);

function readText(path: string): string {
  try {
    const octets = readFileSync(path);
    if (octets.length <= MAX_OCTETS) return octets.toString('utf8');
  } catch (error) {
    throw unusable(path, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  throw unusable(path, `it has over ${MAX_OCTETS} octets`);
}

/** The section `[default]`, or what stands before the first section. Throws `invalid_configuration`. */
export function parseCredentials(text: string, path: string): S3Credentials {
  const found = new Map<string, string>();
  let section = 'default';
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[\s*([^\]]*?)\s*\]\s*$/.exec(line);
    if (heading !== null) section = heading[1] ?? '';
    const entry = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/i.exec(line);
    if (entry !== null && section === 'default') found.set((entry[1] ?? '').toLowerCase(), entry[2] ?? '');
  }
  const accessKeyId = found.get('aws_access_key_id');
  const secretAccessKey = found.get('aws_secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw unusable(path, 'its section [default] lacks aws_access_key_id or aws_secret_access_key');
  return { accessKeyId, secretAccessKey, sessionToken: found.get('aws_session_token') };
}

const unusable = (path: string, message: string): ChanceryError =>
  new ChanceryError('invalid_configuration', {
    message: `the S3 credentials ${path}: ${message}`,
    rule: 'S3 credentials are a file in the format of ~/.aws/credentials',
    fix: 'Write [default] with aws_access_key_id and aws_secret_access_key into it, mode 0600.',
  });
