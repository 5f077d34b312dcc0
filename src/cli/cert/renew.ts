/** `chancery cert renew DIR`: the certificate logs in for itself; where it cannot, the operator does it. */
import type { IssuedCertificate, RenewRequest } from '../../api/certificates.ts';
import { parseGeneralNames } from '../../domain/identity/names.ts';
import { type Certificate, findExtension, formatSerial, readCertificate } from '../../x509/certificate.ts';
import { readSubjectAltName } from '../../x509/extensions.ts';
import type { KeyAlgorithm } from '../../x509/key-pair.ts';
import { OID } from '../../x509/oids.ts';
import { decodePemOne } from '../../x509/pem.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient, withContext } from '../connect.ts';
import { findContext } from '../context.ts';
import { readTextFile } from '../files.ts';
import { RemoteError } from '../problem.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';
import { printIssued, renewalTime } from './issued.ts';
import { pairFiles, pairText, prepareForKey, writePair } from './pair.ts';
import { type Pkcs12Options, preparePkcs12, writePkcs12 } from './pkcs12.ts';
import { makeRequest } from './request.ts';

export interface RenewOptions extends Asking, Pkcs12Options {
  readonly ttl?: string;
}

export async function renew(session: Session, options: RenewOptions, folder: string): Promise<void> {
  const { certificate: path, key, chain } = pairFiles(folder);
  const old = readCertificate(decodePemOne(await readTextFile(path), 'CERTIFICATE'));
  await prepareForKey(folder);
  const wish = await preparePkcs12(options);
  const { privateKey, csr } = await makeRequest(keyAlgorithmOf(readPublicKey(old.spki)), namesOf(old));
  const body: RenewRequest = { csr, ...(options.ttl && { ttl: options.ttl }) };
  const post = (client: Client): Promise<IssuedCertificate> =>
    client.post(`/certificates/${formatSerial(old.serial)}/renew`, body);

  const context = await findContext(options, session.terminal);
  const own = { ...context, login: { certificate: path, key, chain } };
  const issued = await withContext(own, post).catch((error: unknown) => {
    if (!isRefusedLogin(error) || context.login === undefined) throw error;
    say(
      session.terminal,
      `${path} cannot log in (${error.message}); renewing with ${context.login.certificate}`,
    );
    return withClient(session, options, post);
  });
  const files = {
    ...(await writePair(folder, issued, privateKey)),
    ...(wish && (await writePkcs12(wish, { ...pairText(issued), privateKey }))),
  };
  await printIssued(
    session,
    options.output,
    issued,
    files,
    `have the service read ${folder} again; renew from ${renewalTime(issued)} on`,
  );
}

const isRefusedLogin = (error: unknown): error is RemoteError =>
  error instanceof RemoteError && (error.status === 401 || error.status === 403);

const namesOf = (certificate: Certificate): ReturnType<typeof parseGeneralNames> => {
  const san = findExtension(certificate, OID.subjectAltName);
  return san === undefined ? [] : parseGeneralNames(readSubjectAltName(san.value));
};

/** The key type to make anew; an RSA key of a size between keeps the next one up. */
function keyAlgorithmOf({ type, bits }: PublicKey): KeyAlgorithm {
  if (type !== 'rsa') return type;
  return bits <= 2048 ? 'rsa-2048' : bits <= 3072 ? 'rsa-3072' : 'rsa-4096';
}
