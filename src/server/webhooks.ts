/** Webhooks, wired: the audit log told to those who are configured. */
import { readFileSync } from 'node:fs';
import type { Log } from '../base/log.ts';
import type { Configuration, WebhookConfiguration } from '../config/index.ts';
import { postEvent } from '../events/post.ts';
import { Webhook } from '../events/webhook.ts';
import type { OpenedData } from './open.ts';

export interface Webhooks {
  tick(): void;
  state(): readonly Webhook['state'][];
  stop(): Promise<void>;
}

export function openWebhooks({ store, clock }: OpenedData, config: Configuration, log: Log): Webhooks {
  const all = config.events.webhooks.map(
    ({ url, secret, types, ca }, i) =>
      new Webhook({
        url: new URL(url),
        label: String(i),
        types,
        secret: () => secretOf(secret),
        clock,
        log,
        audit: store.audit,
        places: store.webhooks,
        trustDomain: config.trustDomain,
        ownerOf: (managed) => store.managed.find(managed)?.wish.owner ?? undefined,
        post: (target, headers, body, signal) =>
          postEvent(target, headers, body, ca === undefined ? undefined : readFileSync(ca, 'utf8'), signal),
      }),
  );
  return {
    tick() {
      for (const webhook of all) webhook.tick();
    },
    state: () => all.map(({ state }) => state),
    async stop() {
      await Promise.all(all.map((webhook) => webhook.stop()));
    },
  };
}

function secretOf(secret: WebhookConfiguration['secret']): string {
  if (secret.file === undefined)
    throw new Error('its secret is a credential, and there is no $CREDENTIALS_DIRECTORY');
  try {
    return readFileSync(secret.file, 'utf8');
  } catch (error) {
    throw new Error(`its secret cannot be read: ${String((error as NodeJS.ErrnoException).code)}`, {
      cause: error,
    });
  }
}
