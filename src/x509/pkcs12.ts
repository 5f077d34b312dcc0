/**
 * PKCS#12 (RFC 7292): key, certificate and chain in one file under one password, for Java, .NET, Windows and macOS.
 * Two forms: what everything current reads, and what was the only one long ago.
 */
import type { KeyObject } from 'node:crypto';
import type { Bytes } from './bytes.ts';
import { exportPkcs8 } from './key-pair.ts';
import { bagAttributes, certificateBags } from './pkcs12-bags.ts';

/**
 * `modern`: PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA-256, MAC with HMAC-SHA-256; read by OpenSSL ≥ 1.1,
 * Java ≥ 8u301 and Windows ≥ 10 1709. `legacy`: triple DES and SHA-1, for what is older.
 */
export type Pkcs12Form = 'modern' | 'legacy';

export interface Pkcs12Contents {
  readonly privateKey: KeyObject;
  /** The certificate of the key, then its chain: issuing CA first. */
  readonly certificates: readonly [Bytes, ...Bytes[]];
  /** What a store lists the entry under: Java's alias. */
  readonly friendlyName: string;
  /** Printable ASCII: readers disagree about how to encode what lies beyond. */
  readonly password: string;
}

/** DER of a PFX. Never twice the same: salts and initialisation vectors are random. */
export async function encodePkcs12(contents: Pkcs12Contents, form: Pkcs12Form): Promise<Bytes> {
  const { privateKey, certificates, friendlyName, password } = contents;
  const attributes = bagAttributes(friendlyName, certificates[0]);
  const sealing = {
    password,
    privateKeyInfo: exportPkcs8(privateKey),
    attributes,
    certificateBags: certificateBags(certificates, attributes),
  };
  if (form === 'legacy') return (await import('./pkcs12-legacy.ts')).sealLegacy(sealing);
  return (await import('./pkcs12-modern.ts')).sealModern(sealing);
}
