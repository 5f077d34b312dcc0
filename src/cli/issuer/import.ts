/** `chancery issuer import` */
import type { GenerationResource, IssuerImport } from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { readTextFile } from '../files.ts';
import { readInputs } from '../offline/input.ts';
import type { Session } from '../session.ts';
import { printGeneration } from './rotate.ts';

export interface ImportOptions extends Asking {
  readonly key: string;
  readonly certificate: string;
  readonly root?: string;
}

export async function importIssuer(session: Session, options: ImportOptions, name: string): Promise<void> {
  const body: IssuerImport = {
    key: await readKey(options.key),
    certificate: await readCertificate(options.certificate),
    ...(options.root !== undefined && { root: await readCertificate(options.root) }),
  };
  const generation = await withClient(session, options, (client) =>
    client.post<GenerationResource>(`/issuers/${encodeURIComponent(name)}/import`, body),
  );
  await printGeneration(session, options, generation);
}

async function readCertificate(path: string): Promise<string> {
  const [der] = await readInputs(path, 'certificate');
  return encodePem('CERTIFICATE', der ?? new Uint8Array(0));
}

/** The message never quotes the file. */
async function readKey(path: string): Promise<string> {
  const blocks = decodePem(await readTextFile(path));
  const found = blocks.find(({ label }) => label === 'PRIVATE KEY');
  if (found !== undefined) return encodePem('PRIVATE KEY', found.der);
  throw new ChanceryError('usage', {
    message: `${path} holds no private key that can be read`,
    rule: 'PKCS#8 in PEM, not encrypted (RFC 5958)',
    fix: 'Convert it with `openssl pkcs8 -topk8 -nocrypt`.',
  });
}
