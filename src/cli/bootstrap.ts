/** The first trust: the roots of a server that nobody vouches for yet, known by a fingerprint that came another way. */
import { createHash, X509Certificate } from 'node:crypto';
import { get } from 'node:https';
import { ChanceryError } from '../base/errors.ts';
import { parseTokenString } from '../domain/identity/token-string.ts';
import { decodePem } from '../x509/pem.ts';
import { lost } from './client.ts';
import type { Context } from './context.ts';
import { readTextFile } from './files.ts';

const MAX_ROOTS_OCTETS = 256 * 1024;

/**
 * Fetches /roots.pem without verifying who answers, and keeps of it only the certificate with this SHA-256
 * (hexadecimal). Whoever stands between can refuse, and not replace it.
 */
export async function fetchRoot(server: URL, fingerprint: string, origin: string): Promise<string> {
  const text = await fetchUnverified(new URL('/roots.pem', server), { server, origin });
  const found = decodePem(text).find(
    ({ label, der }) => label === 'CERTIFICATE' && sha256(der) === fingerprint,
  );
  if (found !== undefined) return new X509Certificate(found.der).toString();
  throw new ChanceryError('unreachable', {
    message: `${server.origin} has no root with the SHA-256 ${fingerprint}`,
    rule: 'the first trust is a fingerprint that came another way: from a token, or from an operator',
    fix: 'Compare it with what `chancery ca list` prints on the server; if they differ, somebody else answers there.',
  });
}

const sha256 = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

function fetchUnverified(url: URL, context: Context): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const outgoing = get(url, { rejectUnauthorized: false, timeout: 10_000, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let octets = 0;
      answer.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        if (octets > MAX_ROOTS_OCTETS) outgoing.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () =>
        resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : ''),
      );
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('timed out')));
    outgoing.once('error', reject);
  }).catch((cause: unknown) => {
    throw lost(context, cause);
  });
}

/** The way to the server that a token names, verified with the root that it names, with the token as the credential. */
export async function tokenContext(file: string): Promise<Context> {
  const text = (await readTextFile(file)).trim();
  const { url, root } = parseTokenString(text);
  const server = new URL(url);
  return {
    origin: `the token in ${file}`,
    server,
    rootsPem: await fetchRoot(server, root, `the token in ${file}`),
    bearer: text,
  };
}
