/** Standard Webhooks 1.0.0: HMAC-SHA-256 over id, time and body, so that a receiver knows who sent it and when. */
import { createHmac } from 'node:crypto';

/** The octets of a secret: `whsec_` and base64, or the text as it is. Throws for under 24 octets. */
export function readSecret(text: string): Buffer {
  const plain = text.trim();
  const secret = plain.startsWith('whsec_')
    ? Buffer.from(plain.slice('whsec_'.length), 'base64')
    : Buffer.from(plain, 'utf8');
  if (secret.length < 24) throw new Error('the secret has under 24 octets');
  return secret;
}

export function signatureHeaders(
  secret: Buffer,
  { id, body }: { readonly id: string; readonly body: string },
  seconds: number,
): Record<string, string> {
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${signature}`,
  };
}
