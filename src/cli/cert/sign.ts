/** `chancery cert sign`: a certificate for a key that is elsewhere. */
import { readFileSync } from 'node:fs';
import type { IssuedCertificate, SignRequest } from '../../api/certificates.ts';
import { readCertificationRequest } from '../../x509/csr.ts';
import { decodePemOne, encodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { fileError, readBinaryFile } from '../files.ts';
import { nextCommand, shellWord } from '../next-command.ts';
import type { Session } from '../session.ts';
import { printIssued } from './issued.ts';
import { type BelongingOptions, ownerAndLabels } from './belonging.ts';
import { type NameOptions, readNameLists } from './names.ts';
import { prepareForCertificate, writePair } from './pair.ts';

export interface SignOptions extends Asking, NameOptions, BelongingOptions {
  readonly profile: string;
  readonly csr: string;
  readonly issuer?: string;
  readonly ttl?: string;
  readonly out: string;
}

export async function sign(session: Session, options: SignOptions): Promise<void> {
  const { profile, issuer, ttl, out, output } = options;
  const request = readCertificationRequest(requestDer(await readInput(options.csr)));
  await withClient(session, options, async (client) => {
    const names = await readNameLists(options, client);
    await prepareForCertificate(out, request.publicKey.keyObject);
    const body: SignRequest = {
      profile,
      // the request alone: what else stands in the file, perhaps its key, stays here
      csr: encodePem('CERTIFICATE REQUEST', request.raw),
      ...(issuer && { issuer }),
      ...(ttl && { ttl }),
      ...ownerAndLabels(options),
      ...(Object.keys(names).length > 0 && { names }),
    };
    const issued = await client.post<IssuedCertificate>('/certificates', body);
    const files = await writePair(out, issued);
    const next = nextCommand(`cert inspect ${shellWord(files.certificate ?? out)}`);
    await printIssued(session, output, issued, files, next);
  });
}

async function readInput(path: string): Promise<Buffer> {
  if (path !== '-') return readBinaryFile(path);
  try {
    return readFileSync(0);
  } catch (cause) {
    throw fileError('read', 'stdin', cause);
  }
}

/** DER begins with a SEQUENCE; everything else is taken for PEM. */
const requestDer = (input: Buffer): Uint8Array =>
  input[0] === 0x30
    ? input
    : decodePemOne(input.toString('latin1'), 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
