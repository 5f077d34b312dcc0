/** Who is told of what happens to managed certificates. */
import { resolve as resolvePath } from 'node:path';
import { z } from 'zod';
import { secretFile } from './bucket.ts';
import type { WebhookConfiguration } from './configuration.ts';
import type { Fault, SettingPath } from './faults.ts';
import { path } from './rules.ts';
import { webhookUrl } from './url-rules.ts';
import { secret } from './secret.ts';

export const events = z
  .strictObject({
    webhooks: z
      .array(
        z.strictObject({
          url: webhookUrl
            .describe('Gets CloudEvents by POST. Without TLS only on this host.')
            .meta({ examples: ['https://alerts.example.test/chancery'] }),
          secret: secret
            .describe(
              'At least 24 octets, or whsec_ and base64: signs each event (Standard Webhooks, HMAC-SHA-256).',
            )
            .meta({ examples: [{ file: '/etc/chancery/webhook-secret' }] }),
          types: z
            .array(z.string().regex(/^(managed|authority)(\.[a-z-]+)*$/))
            .max(50)
            .default([])
            .describe('Events that it wants, or their beginnings: managed, managed.rolled-back. Empty: all.'),
          ca: z
            .strictObject({
              file: path
                .describe('PEM file with the roots to trust for the URL.')
                .meta({ examples: ['/etc/chancery/webhook-ca.pem'] }),
            })
            .optional()
            .describe('Left out: the public ones.'),
        }),
      )
      .max(10)
      .default([])
      .describe('Receivers of events.')
      .meta({
        examples: [
          [
            {
              url: 'https://alerts.example.test/chancery',
              secret: { file: '/etc/chancery/webhook-secret' },
              types: ['managed'],
            },
          ],
        ],
      }),
  })
  .prefault({})
  .describe('Who is told of what happens to managed certificates.');

interface Context {
  readonly folderOf: (path: SettingPath) => string;
  readonly credentials: string | undefined;
}

export function resolveEvents(
  { webhooks }: z.output<typeof events>,
  { folderOf, credentials }: Context,
): { readonly webhooks: readonly WebhookConfiguration[]; readonly faults: readonly Fault[] } {
  const resolved = webhooks.map(({ url, secret: said, types, ca }, i): WebhookConfiguration => {
    const at = ['events', 'webhooks', i];
    return {
      url,
      secret: secretFile(said, folderOf([...at, 'secret', 'file']), credentials),
      types,
      ca: ca && resolvePath(folderOf([...at, 'ca', 'file']), ca.file),
    };
  });
  const faults = resolved.flatMap(({ url }, i): Fault[] =>
    resolved.slice(0, i).some((other) => other.url === url)
      ? [
          {
            path: ['events', 'webhooks', i],
            message: `events.webhooks[${i}] is ${url}, which stands there twice`,
            rule: 'one receiver, one webhook',
            fix: 'Leave one of them out.',
          },
        ]
      : [],
  );
  return { webhooks: resolved, faults };
}

/** In the words of the file. */
export const plainWebhook = ({
  url,
  secret: said,
  types,
  ca,
}: WebhookConfiguration): Record<string, unknown> => ({
  url,
  secret: said.kind === 'file' ? { file: said.file } : { credential: said.name },
  types,
  ...(ca !== undefined && { ca: { file: ca } }),
});
