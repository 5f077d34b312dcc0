/** The answer of ListObjectsV2, read: flat XML of which four elements matter. */

export interface ListedObject {
  readonly key: string;
  readonly size: number;
}

export interface Listing {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined;
}

/** Keys were asked for with `encoding-type=url`. `undefined` for what is no such answer. */
export function readListing(xml: string): Listing | undefined {
  const body = /<ListBucketResult[\s>][^]*<\/ListBucketResult>\s*$/.exec(xml)?.[0];
  if (body === undefined) return undefined;
  const objects = [...body.matchAll(/<Contents>([^]*?)<\/Contents>/g)].map(([, inner = '']) => ({
    key: decode(element(inner, 'Key') ?? ''),
    size: Number(element(inner, 'Size') ?? NaN),
  }));
  if (objects.some(({ key, size }) => key === '' || !Number.isSafeInteger(size))) return undefined;
  const more = element(body, 'IsTruncated') === 'true';
  const next = element(body, 'NextContinuationToken');
  if (more && next === undefined) return undefined;
  return { objects, next: more ? next : undefined };
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const decode = (key: string): string => {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return '';
  }
};
