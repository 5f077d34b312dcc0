/** manifest.json: what is published and until when it holds, so that its age can be told without this server. */
import { formatInstant, type Instant, parseInstant } from '../base/clock.ts';
import { toUtf8 } from '../x509/bytes.ts';

/** Times are RFC 3339 in UTC, hashes hexadecimal. */
export interface Manifest {
  readonly version: 1;
  readonly trustDomain: string;
  /** It is written anew at least every five minutes, also where nothing changes. */
  readonly writtenAt: string;
  /** Certificates and CRLs by path. */
  readonly files: Readonly<Record<string, ManifestFile>>;
  /** Absent where no answers are signed ahead. */
  readonly ocsp?: {
    readonly certificates: number;
    /** When the first of the answers runs out; absent where there are none. */
    readonly nextUpdate?: string;
    /** Of each generation the last revocation that the answers know. */
    readonly covers: Readonly<Record<string, Covered>>;
  };
}

export interface ManifestFile {
  readonly sha256: string;
  readonly thisUpdate?: string;
  readonly nextUpdate?: string;
}

/** A sequence alone would not do: after a restore it may be that of another revocation. */
export interface Covered {
  readonly sequence: number;
  readonly serial: string;
}

export const MAX_MANIFEST = 4 * 1024 * 1024;
/** How old it may become before somebody has to look: what writes it is gone. */
export const MANIFEST_INTERVAL = 5 * 60_000;

export const encodeManifest = (manifest: Manifest): Uint8Array =>
  Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTime = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && parseInstant(value) !== undefined);

/** `undefined` for what is no manifest that this release knows. */
export function readManifest(octets: Uint8Array): Manifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(toUtf8(octets));
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['version'] !== 1 || !isRecord(value['files'])) return undefined;
  if (typeof value['trustDomain'] !== 'string' || typeof value['writtenAt'] !== 'string') return undefined;
  if (!isTime(value['writtenAt'])) return undefined;
  for (const file of Object.values(value['files']))
    if (
      !isRecord(file) ||
      typeof file['sha256'] !== 'string' ||
      !isTime(file['thisUpdate']) ||
      !isTime(file['nextUpdate'])
    )
      return undefined;
  const { ocsp } = value;
  if (ocsp !== undefined) {
    if (!isRecord(ocsp) || typeof ocsp['certificates'] !== 'number' || !isTime(ocsp['nextUpdate']))
      return undefined;
    if (!isRecord(ocsp['covers'])) return undefined;
    for (const covered of Object.values(ocsp['covers']))
      if (
        !isRecord(covered) ||
        !Number.isSafeInteger(covered['sequence']) ||
        typeof covered['serial'] !== 'string'
      )
        return undefined;
  }
  return value as unknown as Manifest;
}

/** What is past its time, one line each; empty where all holds. */
export function staleParts(manifest: Manifest, now: Instant): string[] {
  const late: string[] = [];
  for (const [path, { nextUpdate }] of Object.entries(manifest.files))
    if (nextUpdate !== undefined && (parseInstant(nextUpdate) ?? 0) < now)
      late.push(`${path} should have been replaced at ${nextUpdate}`);
  const answers = manifest.ocsp?.nextUpdate;
  if (answers !== undefined && (parseInstant(answers) ?? 0) < now)
    late.push(`OCSP answers should have been replaced at ${answers}`);
  return late;
}

/** Milliseconds since it was written. */
export const manifestAge = ({ writtenAt }: Manifest, now: Instant): number =>
  Math.max(0, now - (parseInstant(writtenAt) ?? 0));

export const optionalTime = <Name extends string>(
  name: Name,
  time: Instant | undefined,
): Partial<Record<Name, string>> =>
  time === undefined ? {} : ({ [name]: formatInstant(time) } as Record<Name, string>);
