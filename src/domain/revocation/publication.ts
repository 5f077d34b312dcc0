/** What is published beside the server: which octets under which path, and for how long they hold. */
import { type Duration, HOUR, type Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { CertIdHash } from '../../x509/cert-id.ts';

/** A certificate whose answers are signed ahead. */
export interface PublishableSerial {
  readonly generation: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notAfter: Instant;
}

export interface PublishablePage {
  readonly serials: readonly PublishableSerial[];
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: PublishableCursor | undefined;
}

/** Opaque: it comes from the page before. */
export interface PublishableCursor {
  readonly known: boolean;
  readonly notAfter: Instant;
  readonly key: string | number;
}

/** Certificates that have not expired at `now`, revoked or not; also serials without a certificate on record. */
export interface PublishableSerials {
  /** All of them, page by page: what is there from the first page to the last is in one of them. */
  unexpired(now: Instant, limit: number, after?: PublishableCursor): PublishablePage;
  /** Those of a generation that were revoked with a sequence above this one, lowest first. */
  revokedSince(
    generation: string,
    sequence: number,
    now: Instant,
    limit: number,
  ): readonly { readonly serial: string; readonly notAfter: Instant; readonly sequence: number }[];
  /** How many there are; it is not counted beyond `limit`. */
  countUnexpired(now: Instant, limit: number): number;
}

/** An object as it stands in the data folder or in memory now. */
export interface PublishedObject {
  /** `crl/servers-1/0.crl` */
  readonly path: string;
  readonly mediaType: string;
  /**
   * Changes with the octets: their SHA-256 in hexadecimal, where there are octets already. `undefined`: what is published
   * stays as it is, for there is nothing better now.
   */
  readonly version: string | undefined;
  readonly thisUpdate?: Instant;
  readonly nextUpdate?: Instant;
  /** Rejects where it was replaced in the meantime: the next look has its successor. */
  readonly read: () => Promise<Bytes>;
}

/** Signs answers ahead. Throws where the generation cannot sign now. */
export interface SignAhead {
  /** One for each hash of a CertID, for what the store says of the serial at this moment. */
  answers(generation: string, serial: string): Promise<readonly SignedAnswer[]>;
  /** Who signs for a generation now. After a change everything is signed anew: the one before may have been revoked. */
  responder(generation: string): string | undefined;
  /** Where they are published, also for a generation that no longer signs. */
  paths(generation: string, serial: string): readonly string[];
}

/** An OCSP answer that was signed before anybody asked. */
export interface SignedAnswer {
  readonly hash: CertIdHash;
  /** Hash of the issuer's key under it, hexadecimal. */
  readonly issuerKeyHash: string;
  readonly octets: Bytes;
  readonly nextUpdate: Instant;
}

/** Where certificates, CRLs and answers are; the paths of the status listener, and below `ocsp/` one for each CertID. */
export const MANIFEST = 'manifest.json';
export const certificatePath = (id: string): string => `issuers/${id}.crt`;
export const answerPath = (hash: CertIdHash, issuerKeyHash: string, serial: string): string =>
  `ocsp/${hash}/${issuerKeyHash}/${serial}.ocsp`;

/** As long as a CRL: an answer is to be had when the server has been gone for a while. */
export const SIGNED_AHEAD_LIFE: Duration = 24 * HOUR;
/** Up to so many unexpired certificates answers are signed ahead unless the configuration says otherwise. */
export const SIGNED_AHEAD_LIMIT = 50_000;

/** When an answer is signed anew: at half its life, some earlier than others so that they do not come all at once. */
export function answerIsDueAt(serial: string, signedAt: Instant, nextUpdate: Instant): Instant {
  const half = (nextUpdate - signedAt) / 2;
  // the last octets of our serials are random
  const spread = (Number.parseInt(serial.slice(-4), 16) || 0) / 0x10000;
  return signedAt + half * (1 - spread / 5);
}

/** Certificates first, then what is about few, then the complete lists: a reader finds the issuer of every CRL. */
export const publicationOrder = (path: string): number =>
  path.startsWith('issuers/') ? 0 : /^crl\/[^/]+\/\d+\.crl$/.test(path) ? 1 : path.endsWith('.pem') ? 3 : 2;
