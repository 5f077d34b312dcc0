import { type Clock, formatInstant } from '../../base/clock.ts';
import type { Rooms } from './rooms.ts';

/** One small durable write: shows that the store takes records, and that it does so again. */
export function openProbe({ database, writer }: Rooms, clock: Clock): () => Promise<void> {
  const upsert = database.prepare(
    `INSERT INTO meta (key, value) VALUES ('probed', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
  );
  return () => writer.write(() => void upsert.run(formatInstant(clock.now())));
}
