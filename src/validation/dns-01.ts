/** dns-01 (RFC 8555 8.4): a TXT record under the name, aliases followed. */
import type { ValidationAsk } from '../domain/acme/validation-port.ts';
import { fromAscii, sha256, toBase64Url } from '../x509/bytes.ts';
import type { Lookup } from './dns/lookup.ts';
import { type DnsSource, resolve } from './dns/resolve.ts';
import { ProbeFault } from './fault.ts';

/** Rejects with a ProbeFault, or with the scope's reason. */
export async function probeDns01(
  { identifier, keyAuthorization }: ValidationAsk,
  source: DnsSource,
  lookup: Lookup,
): Promise<void> {
  const name = `_acme-challenge.${identifier.value}`;
  const { records } = await resolve(source, name, 'TXT', lookup);
  const expected = toBase64Url(sha256(fromAscii(keyAuthorization)));
  // several orders may be under way at once: one of the records has to fit
  if (records.some(({ text }) => text === expected)) return;
  if (records.length === 0) throw new ProbeFault('dns', `${name} has no TXT record`);
  const stale = records.flatMap(({ text }) => (DIGEST.test(text) ? [text] : [])).slice(0, 3);
  const others = stale.length === 0 ? 'none is a digest' : `found ${stale.join(', ')}`;
  throw new ProbeFault(
    'incorrectResponse',
    `none of the ${records.length} TXT records of ${name} is the expected digest: ${others}`,
  );
}

/** What earlier validations left behind may be shown; whatever else the owner keeps in TXT records is not. */
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
