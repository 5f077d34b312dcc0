import { apt, onPath } from '../installers.mjs';

/** Reads and verifies what we sign, as most of the world does. */
export const peer = {
  name: 'openssl',
  present: () => onPath('openssl'),
  install: () => apt('openssl'),
};
