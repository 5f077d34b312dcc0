/** What was moved into a folder, or out of it, stays so after a power failure. */
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';

const { O_DIRECTORY, O_RDONLY } = constants;

export function syncFolder(path: string): void {
  const folder = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
