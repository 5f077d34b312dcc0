/** CRLs as another authority signs them. */
import type { Instant } from '../../src/base/clock.ts';
import type { CrlReason } from '../../src/x509/crl.ts';
import {
  assembleCertificateList,
  CrlEntries,
  encodeCrlEntry,
  encodeTbsCertList,
} from '../../src/x509/crl-writer.ts';
import type { Extension } from '../../src/x509/extensions.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';

export interface ForeignCrl {
  readonly issuer: Uint8Array;
  readonly pair: KeyPair;
  readonly number: bigint;
  readonly thisUpdate: Instant;
  readonly entries: readonly {
    readonly serial: string;
    readonly revokedAt: Instant;
    readonly reason: CrlReason;
  }[];
  readonly extensions?: readonly Extension[];
}

export function foreignCrl({
  issuer,
  pair,
  number,
  thisUpdate,
  entries,
  extensions,
}: ForeignCrl): Uint8Array {
  const signatureAlgorithm = signatureAlgorithmFor(pair.publicKey.type).identifier;
  const all = new CrlEntries();
  for (const { serial, ...entry } of entries)
    all.append(encodeCrlEntry({ serial: Buffer.from(serial, 'hex'), ...entry }));
  const tbs = encodeTbsCertList({
    ...{ signatureAlgorithm, issuer, thisUpdate, nextUpdate: thisUpdate + 86_400_000, number },
    ...{ keyIdentifier: keyIdentifier(pair.publicKey.keyBits), entries: all.octets },
    ...(extensions !== undefined && { extensions }),
  });
  return assembleCertificateList(tbs, signatureAlgorithm, signWith(pair, tbs));
}
