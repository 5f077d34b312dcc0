/** Certificates and CRLs of made-up authorities, written with our own encoder; every part can be spoiled. */
import { DAY, HOUR, type Instant } from '../../src/base/clock.ts';
import { type Bytes, fromUtf8, sha256 } from '../../src/x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../src/x509/certificate.ts';
import { contextConstructed, oid, sequence, smallInteger, tlv, unsignedInteger } from '../../src/x509/der.ts';
import { bitString } from '../../src/x509/der-bits.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  encodeExtension,
  type Extension,
  extKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import type { NameKind } from '../../src/x509/general-name.ts';
import { type KeyAlgorithm, type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { commonName, encodeName, EMPTY_NAME } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { encodeTime } from '../../src/x509/time.ts';
import { keyOf } from './keys.ts';

export const NOW: Instant = Date.UTC(2026, 5, 1, 12);

/** Somebody with a certificate and its key. */
export interface Party {
  readonly name: Bytes;
  readonly pair: KeyPair;
  readonly der: Bytes;
  readonly serial: Bytes;
}

/** By role: `undefined` leaves an extension out, a new role adds one. */
export type Extensions = Readonly<Record<string, Extension | undefined>>;

export interface Spoiled {
  readonly subject?: Bytes;
  readonly issuer?: Bytes;
  readonly serial?: Bytes;
  readonly notBefore?: Instant;
  readonly notAfter?: Instant;
  /** Whose key is certified; left out: one of the certificate's own name. */
  readonly keyOwner?: string;
  /** Left out: P-256. */
  readonly keyAlgorithm?: KeyAlgorithm;
  readonly extensions?: Extensions;
  /** Changes the octets that are signed. */
  readonly tbs?: (tbs: Bytes) => Bytes;
  /** The algorithm outside of the signed part. */
  readonly outerAlgorithm?: Bytes;
}

async function make(
  label: string,
  issuer: Party | undefined,
  usual: Extensions,
  spoiled: Spoiled,
): Promise<Party> {
  const pair = await keyOf(spoiled.keyAlgorithm ?? 'ecdsa-p256', spoiled.keyOwner ?? label);
  const signer = issuer?.pair ?? pair;
  const subject = spoiled.subject ?? encodeName([commonName(label)]);
  const serial = spoiled.serial ?? sha256(fromUtf8(`${label}/${spoiled.keyOwner ?? ''}`)).subarray(0, 15);
  const extensions: Extensions = {
    subjectKeyIdentifier: subjectKeyIdentifier(keyIdentifier(pair.publicKey.keyBits)),
    authorityKeyIdentifier: authorityKeyIdentifier(keyIdentifier(signer.publicKey.keyBits)),
    ...usual,
    ...spoiled.extensions,
  };
  const algorithm = signatureAlgorithmFor(signer.publicKey.type).identifier;
  const encoded = encodeTbsCertificate({
    serial,
    signatureAlgorithm: algorithm,
    issuer: spoiled.issuer ?? issuer?.name ?? subject,
    notBefore: spoiled.notBefore ?? NOW - DAY,
    notAfter: spoiled.notAfter ?? NOW + 30 * DAY,
    subject,
    spki: pair.publicKey.spki,
    extensions: Object.values(extensions).filter((extension) => extension !== undefined),
  });
  const tbs = spoiled.tbs?.(encoded) ?? encoded;
  const der = assembleCertificate(tbs, spoiled.outerAlgorithm ?? algorithm, signWith(signer, tbs));
  return { name: subject, pair, der, serial };
}

/** A CA below `issuer`, or a root without one. */
export const makeCa = (label: string, issuer?: Party, spoiled: Spoiled = {}): Promise<Party> =>
  make(
    label,
    issuer,
    {
      basicConstraints: basicConstraints({ ca: true }),
      keyUsage: keyUsage(['keyCertSign', 'cRLSign']),
    },
    spoiled,
  );

export type Names = readonly { readonly kind: NameKind; readonly value: string }[];

/** A leaf for both purposes, without a subject. */
export const makeLeaf = (label: string, issuer: Party, names: Names, spoiled: Spoiled = {}): Promise<Party> =>
  make(
    label,
    issuer,
    {
      basicConstraints: basicConstraints({ ca: false }),
      keyUsage: keyUsage(['digitalSignature']),
      extKeyUsage: extKeyUsage([OID.serverAuth, OID.clientAuth]),
      ...(names.length === 0 ? {} : { subjectAltName: subjectAltName(names, true) }),
    },
    { subject: EMPTY_NAME, ...spoiled },
  );

export const dns = (...values: string[]): Names => values.map((value) => ({ kind: 'dns', value }));

/** An extension that nobody knows. */
export const unknownExtension = (critical: boolean): Extension => ({
  id: '1.3.6.1.4.1.99999.1',
  critical,
  value: sequence(),
});

export interface CrlOptions {
  readonly revoked?: readonly { readonly serial: Bytes; readonly extensions?: readonly Extension[] }[];
  readonly number?: number | undefined;
  readonly thisUpdate?: Instant;
  readonly nextUpdate?: Instant;
  readonly extensions?: readonly Extension[];
  /** Signs in the issuer's name; left out: the issuer. */
  readonly signer?: KeyPair;
}

export function makeCrl(issuer: Party, options: CrlOptions = {}): Bytes {
  const { revoked = [], thisUpdate = NOW - HOUR, nextUpdate = NOW + DAY, signer = issuer.pair } = options;
  const algorithm = signatureAlgorithmFor(signer.publicKey.type).identifier;
  const number = 'number' in options ? options.number : 1;
  const extensions = [
    ...(number === undefined ? [] : [{ id: OID.cRLNumber, critical: false, value: smallInteger(number) }]),
    ...(options.extensions ?? []),
  ];
  const entries = revoked.map((entry) =>
    sequence(
      unsignedInteger(entry.serial),
      encodeTime(NOW - HOUR),
      ...(entry.extensions === undefined ? [] : [sequence(...entry.extensions.map(encodeExtension))]),
    ),
  );
  const tbs = sequence(
    smallInteger(1),
    algorithm,
    issuer.name,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    ...(extensions.length === 0
      ? []
      : [tlv(contextConstructed(0), sequence(...extensions.map(encodeExtension)))]),
  );
  return sequence(tbs, algorithm, bitString(signWith(signer, tbs)));
}

/** SHA-1 with ECDSA, which nothing here accepts. */
export const ECDSA_SHA1: Bytes = sequence(oid('1.2.840.10045.4.1'));
