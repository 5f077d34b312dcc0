import { apt, onPath } from '../installers.mjs';

/** Judges the unit file, and knows which system calls it lets through. */
export const peer = {
  name: 'systemd',
  present: () => ['systemd-notify', 'systemd-analyze', 'setpriv', 'python3'].every(onPath),
  install: () => apt('systemd', 'util-linux', 'python3-minimal'),
};
