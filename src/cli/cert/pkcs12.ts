/** `--pkcs12 FILE`: key, certificate and chain once more, in one file under a password that has a file of its own. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import { parseGeneralNames } from '../../domain/identity/names.ts';
import { type Certificate, findExtension, formatSerial, readCertificate } from '../../x509/certificate.ts';
import { readSubjectAltName } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import { decodePem } from '../../x509/pem.ts';
import type { Pkcs12Form } from '../../x509/pkcs12.ts';
import { prepareFolder, readTextFileIfThere, writeFiles } from '../files.ts';

export interface Pkcs12Options {
  readonly pkcs12?: string;
  readonly pkcs12PasswordFile?: string;
  readonly pkcs12Legacy?: boolean;
}

/** A file to be written, once its places and its password are known to be good. */
export interface Pkcs12Wish {
  readonly path: string;
  readonly passwordPath: string;
  /** Absent: one is made. */
  readonly password: string | undefined;
  readonly form: Pkcs12Form;
}

export interface Pkcs12Files {
  readonly pkcs12: string;
  readonly pkcs12Password: string;
}

/** Before anything is issued: `undefined` where no PKCS#12 file is asked for. Throws `usage`. */
export async function preparePkcs12(options: Pkcs12Options): Promise<Pkcs12Wish | undefined> {
  const { pkcs12: path, pkcs12PasswordFile, pkcs12Legacy = false } = options;
  if (path === undefined) {
    if (pkcs12PasswordFile === undefined && !pkcs12Legacy) return undefined;
    throw new ChanceryError('usage', {
      message: `${pkcs12Legacy ? '--pkcs12-legacy' : '--pkcs12-password-file'} is given, and --pkcs12 is not`,
      fix: 'Name the file with --pkcs12.',
    });
  }
  const passwordPath = pkcs12PasswordFile ?? `${path}.password`;
  if (resolve(passwordPath) === resolve(path))
    throw new ChanceryError('usage', {
      message: `--pkcs12 and --pkcs12-password-file both name ${path}`,
      fix: 'Name two files.',
    });
  await prepareFolder(dirname(path));
  await prepareFolder(dirname(passwordPath));
  const password = await readPassword(passwordPath);
  return { path, passwordPath, password, form: pkcs12Legacy ? 'legacy' : 'modern' };
}

/** A password that is there stays: what reads the file knows it already. */
async function readPassword(path: string): Promise<string | undefined> {
  const password = (await readTextFileIfThere(path))?.replace(/\r?\n$/, '');
  if (password === undefined) return undefined;
  const refuse = (what: string): ChanceryError =>
    new ChanceryError('usage', {
      message: `${path} ${what}`,
      rule: '16 to 128 printable ASCII characters, not readable by everybody',
      fix: 'Remove the file to have a password made, or put a better one there.',
    });
  if (!/^[\x20-\x7e]{16,128}$/.test(password)) throw refuse('holds no password that may protect a key');
  if (((await stat(path)).mode & 0o007) !== 0) throw refuse('can be read by everybody on this host');
  return password;
}

export interface PairText {
  readonly certificate: string;
  /** PEM, issuing CA first; may be empty. */
  readonly chain: string;
  readonly privateKey: string;
}

/** Writes the password first: a reader in between finds the old file, or none, never one without a password. */
export async function writePkcs12(
  { path, passwordPath, password: known, form }: Pkcs12Wish,
  { certificate, chain, privateKey }: PairText,
): Promise<Pkcs12Files> {
  const [leaf, ...others] = decodePem(certificate + chain)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ der }) => der);
  if (leaf === undefined)
    throw new ChanceryError('malformed_certificate', { message: 'there is no certificate to be packed' });
  const key = createPrivateKey(privateKey);
  if (!new X509Certificate(leaf).checkPrivateKey(key))
    throw new ChanceryError('usage', {
      message: 'the key is not the key of the certificate',
      fix: 'Issue the certificate again, into a folder of its own.',
    });
  const { encodePkcs12 } = await import('../../x509/pkcs12.ts');
  const password = known ?? randomBytes(24).toString('base64url');
  const content = await encodePkcs12(
    {
      privateKey: key,
      certificates: [leaf, ...others],
      friendlyName: friendlyNameOf(readCertificate(leaf)),
      password,
    },
    form,
  );
  await writeFiles([
    ...(known === undefined ? [{ path: passwordPath, content: `${password}\n`, mode: 0o600 }] : []),
    { path, content, mode: 0o600 },
  ]);
  return { pkcs12: path, pkcs12Password: passwordPath };
}

/** The first name, SPIFFE ID before others, or the serial number. */
export function friendlyNameOf(certificate: Certificate): string {
  const san = findExtension(certificate, OID.subjectAltName);
  const names = san === undefined ? [] : parseGeneralNames(readSubjectAltName(san.value));
  const first =
    names.find(({ kind }) => kind === 'uri') ?? names.find(({ kind }) => kind === 'dns') ?? names[0];
  return first?.value ?? formatSerial(certificate.serial);
}
