import { apt, onPath } from '../installers.mjs';

/** Delays and fails the system calls of a running server. */
export const peer = {
  name: 'strace',
  present: () => onPath('strace'),
  install: () => apt('strace'),
};
