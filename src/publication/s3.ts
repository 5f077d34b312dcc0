/** Objects of a bucket: for a web server or a content delivery network in front of it. */
import type { Bytes } from '../x509/bytes.ts';
import { isPublishedPath, type PublicationTarget, requirePublishedPath } from './target.ts';

/** The bucket, as src/s3 speaks to it. */
export interface Bucket {
  readonly name: string;
  putObject(
    key: string,
    body: Bytes,
    options: { readonly contentType: string; readonly cacheControl: string },
  ): Promise<unknown>;
  getObject(key: string, maxOctets: number): Promise<Bytes | undefined>;
  deleteObject(key: string): Promise<void>;
  listObjects(prefix: string): AsyncIterable<{ readonly key: string }>;
  close(): void;
}

/** What is in front of the bucket may hold on to an object for as long as the status listener allows. */
const CACHE_CONTROL = 'public, max-age=30';

/** `prefix` is empty or ends with a slash. */
export function s3Target(bucket: Bucket, prefix: string): PublicationTarget {
  return {
    name: `${bucket.name}/${prefix}`,
    async write(path, octets, contentType) {
      requirePublishedPath(path);
      await bucket.putObject(`${prefix}${path}`, octets, { contentType, cacheControl: CACHE_CONTROL });
    },
    async read(path, maxOctets) {
      requirePublishedPath(path);
      return bucket.getObject(`${prefix}${path}`, maxOctets);
    },
    async remove(path) {
      requirePublishedPath(path);
      await bucket.deleteObject(`${prefix}${path}`);
    },
    async *list(below) {
      for await (const { key } of bucket.listObjects(`${prefix}${below}`)) {
        const path = key.slice(prefix.length);
        if (isPublishedPath(path)) yield path;
      }
    },
    close: () => bucket.close(),
  };
}
