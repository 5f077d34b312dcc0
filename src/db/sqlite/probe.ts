import { type Clock, formatInstant } from '../../base/clock.ts';
import type { Rooms } from './rooms.ts';

/** More than a recording takes: on a disk with a last free page the probe must not pass where recordings fail. */
const SIZE = 65_536;

/** A durable write of no meaning: shows that the store takes records, and that it does so again. */
export function openProbe({ database, writer }: Rooms, clock: Clock): () => Promise<void> {
  const upsert = database.prepare(
    `INSERT INTO meta (key, value) VALUES ('probed', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
  );
  return () => writer.probe(() => void upsert.run(formatInstant(clock.now()).padEnd(SIZE)));
}
