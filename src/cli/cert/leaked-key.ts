/** The statement of `cert revoke --leaked-key`: made here, so that the key stays here. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerInfo } from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import { keyStatement, STATEMENT_TYPE } from '../../domain/revocation/key-statement.ts';
import { fromUtf8, toHex } from '../../x509/bytes.ts';
import { signCompactJws } from '../../x509/jws.ts';
import type { KeyPair } from '../../x509/key-pair.ts';
import { exportSpki, readPublicKey } from '../../x509/public-key.ts';
import type { Client } from '../client.ts';
import { fileError, readBinaryFile } from '../files.ts';

/** PEM or DER; `-` reads stdin. Throws `usage`; no message quotes what was read. */
export async function readLeakedKey(path: string): Promise<KeyPair> {
  const content = path === '-' ? readStdin() : await readBinaryFile(path);
  let privateKey: KeyObject;
  try {
    privateKey =
      content[0] === 0x30
        ? createPrivateKey({ key: content, format: 'der', type: 'pkcs8' })
        : createPrivateKey(content);
  } catch {
    throw new ChanceryError('usage', {
      message: `${path === '-' ? 'stdin' : path} holds no private key that can be read`,
      rule: 'an unencrypted private key, PEM or PKCS#8',
      fix: 'Decrypt it first: `openssl pkey -in FILE`.',
    });
  }
  return { privateKey, publicKey: readPublicKey(exportSpki(createPublicKey(privateKey))) };
}

function readStdin(): Buffer {
  try {
    return readFileSync(0);
  } catch (cause) {
    throw fileError('read', 'stdin', cause);
  }
}

export const fingerprintOf = ({ publicKey }: KeyPair): string => toHex(publicKey.fingerprint);

/** For the server of the client, for ten minutes. */
export async function signStatement(pair: KeyPair, client: Client, now: Instant): Promise<string> {
  const trustDomain = client.context.trustDomain ?? (await client.get<ServerInfo>('/server')).trustDomain;
  const jwk = pair.publicKey.keyObject.export({ format: 'jwk' });
  const claims = keyStatement(pair.publicKey, trustDomain, now);
  return signCompactJws(pair, { typ: STATEMENT_TYPE, jwk }, fromUtf8(JSON.stringify(claims)));
}
