/** Up to where webhooks were told. */
import type { Statement } from 'better-sqlite3';
import type { WebhookPlaces } from '../../domain/audit/ports.ts';
import type { Rooms } from './rooms.ts';

export function openWebhookPlaces({ database, writer }: Rooms): WebhookPlaces {
  const place = database
    .prepare<[string], number>('SELECT sequence FROM webhook_places WHERE webhook = ?')
    .pluck();
  const put: Statement = database.prepare(
    'INSERT OR REPLACE INTO webhook_places (webhook, sequence) VALUES (?, ?)',
  );
  return {
    place: (webhook) => writer.read(() => place.get(webhook)),
    putPlace: (webhook, sequence) =>
      writer.write(() => {
        put.run(webhook, sequence);
      }),
  };
}
