/** `chancery cert issue`: the key is made here and never leaves this host. */
import type { IssuedCertificate, SignRequest } from '../../api/certificates.ts';
import type { KeyAlgorithm } from '../../x509/key-pair.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Asking } from '../command.ts';
import type { Client } from '../client.ts';
import { withClient, withContext } from '../connect.ts';
import { nextCommand, shellWord } from '../next-command.ts';
import type { Session } from '../session.ts';
import { printIssued, renewalTime } from './issued.ts';
import { type BelongingOptions, ownerAndLabels } from './belonging.ts';
import { type NameOptions, readNames, requireNames } from './names.ts';
import { pairText, prepareForKey, writePair } from './pair.ts';
import { type Pkcs12Options, preparePkcs12, writePkcs12 } from './pkcs12.ts';
import { makeRequest } from './request.ts';

export interface IssueOptions extends Asking, NameOptions, BelongingOptions, Pkcs12Options {
  readonly profile?: string;
  readonly tokenFile?: string;
  readonly issuer?: string;
  readonly ttl?: string;
  readonly keyType: KeyAlgorithm;
  readonly out: string;
}

export async function issue(session: Session, options: IssueOptions): Promise<void> {
  const { profile, issuer, ttl, keyType, out, output } = options;
  if (profile === undefined && options.tokenFile === undefined) throw noProfile();
  await connect(session, options, async (client) => {
    if (profile === undefined && client.context.brings === undefined) throw noProfile();
    const names = await readNames(options, client);
    if (client.context.brings === undefined) requireNames(names);
    await prepareForKey(out);
    const wish = await preparePkcs12(options);
    const { privateKey, csr } = await makeRequest(keyType, names);
    const body: SignRequest = {
      csr,
      ...(profile && { profile }),
      ...(issuer && { issuer }),
      ...(ttl && { ttl }),
      ...ownerAndLabels(options),
    };
    const issued = await client.post<IssuedCertificate>('/certificates', body);
    const files = {
      ...(await writePair(out, issued, privateKey)),
      ...(wish && (await writePkcs12(wish, { ...pairText(issued), privateKey }))),
    };
    const next = nextCommand(`cert renew ${shellWord(out)}`, options);
    await printIssued(session, output, issued, files, `${next}   # from ${renewalTime(issued)} on`);
  });
}

const noProfile = (): ChanceryError =>
  new ChanceryError('usage', {
    message: 'neither --profile nor an enrolment token is given',
    fix: 'Say what kind of certificate it is to be, e.g. --profile workload.',
  });

/** A token is sent instead of a login; an enrolment token brings its own way to the server. */
async function connect(
  session: Session,
  options: IssueOptions,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  if (options.tokenFile === undefined) return withClient(session, options, use);
  const { readCredential } = await import('../token-file.ts');
  return withContext(await readCredential(options.tokenFile, options, session.terminal), use);
}
