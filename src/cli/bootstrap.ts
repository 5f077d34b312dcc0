/** The first trust: the roots of a server that nobody vouches for yet, known by a fingerprint that came another way. */
import { createHash, X509Certificate } from 'node:crypto';
import { get } from 'node:https';
import { ChanceryError } from '../base/errors.ts';
import { parseTokenString } from '../domain/identity/token-string.ts';
import { decodePem } from '../x509/pem.ts';
import { lost } from './client.ts';
import type { Context } from './context.ts';

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

/** A SHA-256 as people copy it: 64 hexadecimal digits, with or without colons and blanks. Throws `usage`. */
export function parseFingerprint(text: string): string {
  const digits = text.replace(/[:\s]/g, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new ChanceryError('usage', {
    message: '--fingerprint is no SHA-256',
    rule: '64 hexadecimal digits, with or without colons and blanks',
    fix: 'Take it from `chancery ca list` on the server, or from its terminal.',
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
export async function tokenContext(file: string, text: string): Promise<Context> {
  const { url, root } = parseTokenString(text);
  const server = new URL(url);
  return {
    origin: `the token in ${file}`,
    server,
    rootsPem: await fetchRoot(server, root, `the token in ${file}`),
    bearer: text,
    brings: 'profile and names',
  };
}
