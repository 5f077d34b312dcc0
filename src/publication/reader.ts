/** A published folder, read: files with their hashes, answers to OCSP requests, and whether all of it still holds. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type Clock, formatDuration, formatInstant, type Instant, parseInstant } from '../base/clock.ts';
import { isChanceryError } from '../base/errors.ts';
import type { OcspAnswer } from '../domain/revocation/ocsp-answers.ts';
import { answerPath, MANIFEST } from '../domain/revocation/publication.ts';
import { type Bytes, equal, toHex } from '../x509/bytes.ts';
import type { CertId, CertIdHash } from '../x509/cert-id.ts';
import { formatSerial } from '../x509/certificate.ts';
import { readOcspRequest } from '../x509/ocsp-request.ts';
import { encodeOcspError } from '../x509/ocsp-response-writer.ts';
import { readOcspResponse } from '../x509/ocsp-response.ts';
import { folderTarget, openPublished } from './folder.ts';
import {
  MANIFEST_INTERVAL,
  type Manifest,
  manifestAge,
  MAX_MANIFEST,
  readManifest,
  staleParts,
} from './manifest.ts';

export interface ReadFile {
  readonly sha256: string;
  readonly size: number;
  readonly modifiedAt: Instant;
  readonly nextUpdate: Instant | undefined;
  readonly open: () => Readable;
  readonly close: () => Promise<void>;
}

/** One answer has about a kilobyte. */
const MAX_ANSWER = 64 * 1024;
/** Hashes of files that did not change; a folder holds some hundred. */
const REMEMBERED = 1000;
/** Who wrote it last is late: three times over what it does when nothing changes. */
const SILENCE = 3 * MANIFEST_INTERVAL;

export class PublishedFolder {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #hashes = new Map<string, string>();
  #manifest: { readonly octets: Bytes; readonly manifest: Manifest | undefined } | undefined;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** `undefined` where there is none. Whoever gets one opens or closes it. */
  async file(path: string): Promise<ReadFile | undefined> {
    const file = await openPublished(this.#folder, path);
    if (file === undefined) return undefined;
    try {
      const { ino, size, mtimeMs, ctimeMs } = await file.stat();
      const key = `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      let sha256 = this.#hashes.get(key);
      if (sha256 === undefined) {
        const hash = createHash('sha256');
        for await (const piece of file.createReadStream({
          start: 0,
          end: Math.max(0, size - 1),
          autoClose: false,
        }))
          hash.update(piece as Buffer);
        sha256 = hash.digest('hex');
        if (this.#hashes.size >= REMEMBERED) this.#hashes.clear();
        this.#hashes.set(key, sha256);
      }
      const entry = (await this.manifest())?.files[path];
      return {
        ...{ sha256, size, modifiedAt: mtimeMs },
        nextUpdate: entry?.nextUpdate === undefined ? undefined : parseInstant(entry.nextUpdate),
        open: () => file.createReadStream({ start: 0, end: Math.max(0, size - 1) }),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** `undefined` where there is none that can be read. */
  async manifest(): Promise<Manifest | undefined> {
    const octets = await folderTarget(this.#folder).read(MANIFEST, MAX_MANIFEST);
    if (octets === undefined) return undefined;
    if (this.#manifest === undefined || !equal(octets, this.#manifest.octets))
      this.#manifest = { octets, manifest: readManifest(octets) };
    return this.#manifest.manifest;
  }

  /** What keeps relying parties from believing what is here; empty where all holds. */
  async faults(): Promise<string[]> {
    let manifest: Manifest | undefined;
    try {
      manifest = await this.manifest();
    } catch (error) {
      return [`${MANIFEST} cannot be read: ${error instanceof Error ? error.message : String(error)}`];
    }
    if (manifest === undefined) return [`there is no ${MANIFEST} that this release can read`];
    return staleParts(manifest, this.#clock.now());
  }

  /** Not a fault yet: what is here still holds, and nobody renews it. */
  async warnings(): Promise<string[]> {
    const manifest = await this.manifest().catch(() => undefined);
    if (manifest === undefined) return [];
    const age = manifestAge(manifest, this.#clock.now());
    return age < SILENCE
      ? []
      : [
          `nothing was published for ${formatDuration(age)}, since ${manifest.writtenAt}: new revocations are not in here`,
        ];
  }

  /**
   * What was signed ahead for the one certificate that is asked about. A nonce is left unanswered (RFC 5019 2.2.1,
   * RFC 9654 2.1); a request for several, an issuer or a serial number without an answer here is `unauthorized`.
   */
  async answer(request: Bytes): Promise<OcspAnswer> {
    let certIds: readonly CertId[];
    try {
      ({ certIds } = readOcspRequest(request));
    } catch (error) {
      if (isChanceryError(error) && error.code === 'malformed_der') return refusal('malformedRequest');
      throw error;
    }
    const [certId, second] = certIds;
    const path = certId && pathOf(certId);
    if (certId === undefined || second !== undefined || path === undefined) return refusal('unauthorized');
    const der = await folderTarget(this.#folder).read(path, MAX_ANSWER);
    if (der === undefined) return refusal('unauthorized');
    return this.#judge(der, certId);
  }

  /** Whoever keeps the folder could put anything there: what is not about this certificate is not given. */
  #judge(der: Bytes, { issuerKey, serial }: CertId): OcspAnswer {
    const now = this.#clock.now();
    const read = attempt(() => readOcspResponse(der));
    const [single] = read?.status === 'successful' ? read.basic.singles : [];
    if (single === undefined || single.certId.issuerKey !== issuerKey || !equal(single.certId.serial, serial))
      return refusal('internalError');
    const { thisUpdate, nextUpdate, status } = single;
    if (nextUpdate === undefined || nextUpdate <= now) return refusal('tryLater');
    return { der, outcome: status.kind, cached: true, validity: { thisUpdate, nextUpdate } };
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** `undefined` for a hash that is not known here. */
function pathOf({ issuerKey, serial }: CertId): string | undefined {
  if (issuerKey === undefined) return undefined;
  const [hash = ''] = issuerKey.split(':', 1);
  const octets = Buffer.from(issuerKey.slice(hash.length + 1), 'latin1');
  // name and key, hashed alike
  const keyHash = toHex(octets.subarray(octets.length / 2));
  return answerPath(hash as CertIdHash, keyHash, formatSerial(serial));
}

const refusal = (
  outcome: 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized',
): OcspAnswer => ({
  der: encodeOcspError(outcome),
  outcome,
  cached: false,
  validity: undefined,
});

/** For `status serve`: until when a folder holds, in words. */
export const describeManifest = ({ trustDomain, writtenAt, files, ocsp }: Manifest, now: Instant): string =>
  `${trustDomain}: ${Object.keys(files).length} files, ${ocsp === undefined ? 'no OCSP answers' : `OCSP answers for ${ocsp.certificates} certificates`}, published at ${writtenAt} (now ${formatInstant(now)})`;
