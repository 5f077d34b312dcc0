/** The folder of a certificate: cert.pem (leaf), key.pem, chain.pem (issuing CA first), bundle.pem (trust anchors). */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { IssuedCertificate } from '../../api/certificates.ts';
import { ChanceryError } from '../../base/errors.ts';
import { prepareFolder, readTextFileIfThere, writeFiles } from '../files.ts';

export interface PairFiles {
  readonly certificate: string;
  readonly key: string;
  readonly chain: string;
  readonly bundle: string;
}

export const pairFiles = (folder: string): PairFiles => ({
  certificate: join(folder, 'cert.pem'),
  key: join(folder, 'key.pem'),
  chain: join(folder, 'chain.pem'),
  bundle: join(folder, 'bundle.pem'),
});

/** Makes the folder. Refuses one whose key is not that of its certificate: that key is somebody else's and would be lost. */
export async function prepareForKey(folder: string): Promise<void> {
  await prepareFolder(folder);
  const files = pairFiles(folder);
  const key = await readTextFileIfThere(files.key);
  if (key === undefined) return;
  const certificate = await readTextFileIfThere(files.certificate);
  if (certificate !== undefined && isKeyOf(publicHalf(key), certificate)) return;
  throw new ChanceryError('usage', {
    message: `${files.key} exists and is not the key of ${certificate === undefined ? 'any certificate there' : files.certificate}`,
    rule: 'a key is replaced only together with its own certificate',
    fix: 'Name another --out, or move the key away.',
  });
}

/** Makes the folder. Refuses one with the key of something else: certificate and key would not fit. */
export async function prepareForCertificate(folder: string, requestKey: KeyObject): Promise<void> {
  await prepareFolder(folder);
  const { key: path } = pairFiles(folder);
  const key = await readTextFileIfThere(path);
  if (key === undefined || publicHalf(key)?.equals(requestKey) === true) return;
  throw new ChanceryError('usage', {
    message: `${path} is not the key of the request`,
    rule: 'cert.pem and key.pem of a folder belong together',
    fix: 'Name another --out, or make the request with this key.',
  });
}

function publicHalf(privateKey: string): KeyObject | undefined {
  try {
    return createPublicKey(createPrivateKey(privateKey));
  } catch {
    return undefined;
  }
}

function isKeyOf(key: KeyObject | undefined, certificate: string): boolean {
  try {
    return key !== undefined && new X509Certificate(certificate).publicKey.equals(key);
  } catch {
    return false;
  }
}

/** Certificate and chain as PEM texts. */
export const pairText = ({
  certificate,
  chain,
}: IssuedCertificate): { readonly certificate: string; readonly chain: string } => ({
  certificate,
  chain: chain.join(''),
});

/** Writes what was issued, key first: a reader in between finds the old set or a key whose certificate is on its way. */
export async function writePair(
  folder: string,
  issued: IssuedCertificate,
  privateKey?: string,
): Promise<Partial<PairFiles>> {
  if (privateKey !== undefined && !isKeyOf(publicHalf(privateKey), issued.certificate))
    throw new ChanceryError('internal', {
      message: `the certificate ${issued.serial} is not for the key that was sent`,
      fix: `Nothing was written. Revoke it and report this.`,
    });
  const { key, ...files } = pairFiles(folder);
  await writeFiles([
    ...(privateKey === undefined ? [] : [{ path: key, content: privateKey, mode: 0o600 }]),
    { path: files.certificate, content: issued.certificate, mode: 0o644 },
    { path: files.chain, content: issued.chain.join(''), mode: 0o644 },
    { path: files.bundle, content: issued.roots.join(''), mode: 0o644 },
  ]);
  return privateKey === undefined ? files : { key, ...files };
}
