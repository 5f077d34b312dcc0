/** Files for the offline verbs: a chain, a request and a CRL of a made-up authority. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes } from '../../../src/x509/bytes.ts';
import { assembleRequest, encodeRequestInfo } from '../../../src/x509/csr.ts';
import { subjectAltName } from '../../../src/x509/extensions.ts';
import { signWith } from '../../../src/x509/key-pair.ts';
import { EMPTY_NAME } from '../../../src/x509/name.ts';
import { encodePem } from '../../../src/x509/pem.ts';
import { signatureAlgorithmFor } from '../../../src/x509/signature.ts';
import { dns, makeCa, makeCrl, makeLeaf, type Names, type Party } from '../../support/chains.ts';
import { keyOf } from '../../support/keys.ts';
import { temporaryFolder } from '../run.ts';

export const NAMES: Names = [...dns('api.example.test'), { kind: 'uri', value: 'spiffe://example.test/api' }];

export interface Files {
  readonly root: Party;
  readonly issuer: Party;
  readonly leaf: Party;
  /** Writes a file into this test's folder and gives its path. */
  readonly write: (name: string, content: string | Bytes) => string;
  readonly certificates: (name: string, ...parties: Party[]) => string;
  readonly crl: (name: string, ...crls: Bytes[]) => string;
}

export async function makeFiles(): Promise<Files> {
  const folder = temporaryFolder();
  const write = (name: string, content: string | Bytes): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const root = await makeCa('root');
  const issuer = await makeCa('issuer', root);
  const leaf = await makeLeaf('leaf', issuer, NAMES);
  return {
    root,
    issuer,
    leaf,
    write,
    certificates: (name, ...parties) =>
      write(name, parties.map(({ der }) => encodePem('CERTIFICATE', der)).join('')),
    crl: (name, ...crls) => write(name, crls.map((der) => encodePem('X509 CRL', der)).join('')),
  };
}

export async function makeRequest(names: Names): Promise<Bytes> {
  const pair = await keyOf('ecdsa-p256', 'requester');
  const algorithm = signatureAlgorithmFor('ecdsa-p256').identifier;
  const info = encodeRequestInfo({
    subject: EMPTY_NAME,
    spki: pair.publicKey.spki,
    extensions: [subjectAltName(names, true)],
  });
  return assembleRequest(info, algorithm, signWith(pair, info));
}

export { makeCrl };
