import { apt, onPath } from '../installers.mjs';

/** Refuses revoked clients with our CRL files. */
export const peer = {
  name: 'haproxy',
  present: () => onPath('haproxy'),
  install: () => apt('haproxy'),
};
