/** Where what relying parties need is published a second time, so that it can be had without this server. */
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from '../x509/bytes.ts';

/** Rejections carry any error: the publisher tries again, later and later. */
export interface PublicationTarget {
  /** For people, logs and metrics: `folder:/srv/status`, `s3://bucket/prefix`. */
  readonly name: string;
  /** Replaces what was there in one step: readers see the one or the other, whole. Durable when it resolves. */
  write(path: string, octets: Bytes, mediaType: string): Promise<void>;
  /** `undefined` where there is none. Rejects for one of over `maxOctets`. */
  read(path: string, maxOctets: number): Promise<Bytes | undefined>;
  /** Removing what is not there is no fault. */
  remove(path: string): Promise<void>;
  /** Every path below a folder such as `crl/`, in no order. */
  list(folder: string): AsyncIterable<string>;
  close(): void;
}

const SEGMENT = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';
const PATH = new RegExp(`^(?:${SEGMENT}/){0,4}${SEGMENT}$`);

/** Folders and a name, none of which begins with a dot: nothing that leads elsewhere. */
export const isPublishedPath = (path: string): boolean => PATH.test(path);

/** Throws `internal`: paths come from this program alone. */
export function requirePublishedPath(path: string): void {
  if (!isPublishedPath(path))
    throw new ChanceryError('internal', `${JSON.stringify(path)} is no path of a publication`);
}
